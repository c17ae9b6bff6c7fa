//! A Kerberos realm on loopback: MIT's KDC as Debian packages it (`tests/servers/prepare` installs it), a keytab for the
//! servers of a secured HDFS and for a client.

use crate::error::ServerError;
use crate::template;
use processes::ports::{self, Block};
use processes::{Launch, Lifetime, ProcessError, Server, Sweeper, last_lines};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Its name.
pub const REALM: &str = "STOCKPIPE.TEST";
/// The client's principal.
pub const CLIENT: &str = "stockpipe@STOCKPIPE.TEST";
/// Everybody in the keytab. A service's principal has the host by which clients know it.
const PRINCIPALS: [&str; 3] = ["hdfs/localhost", "HTTP/localhost", "stockpipe"];
const KRB5: &str = include_str!("../kerberos/krb5.conf");
const KDC: &str = include_str!("../kerberos/kdc.conf");

/// The realm. It ends with this process.
#[derive(Debug)]
pub struct Realm {
    /// Who hands out tickets.
    pub kdc: Server,
    /// What clients and servers of it need to know.
    pub access: Access,
    dir: PathBuf,
    sweeper: Option<Sweeper>,
    _block: Block,
}

/// How the realm is reached, and the keys of everybody in it.
#[derive(Debug, Clone)]
pub struct Access {
    /// `krb5.conf`.
    pub config: PathBuf,
    /// The keytab.
    pub keytab: PathBuf,
}

impl Realm {
    /// Makes a realm and starts its KDC; returns when it answers.
    pub async fn start() -> Result<Realm, ServerError> {
        let base = std::env::temp_dir();
        let dir = tempfile::Builder::new().prefix("stockpipe-realm-").tempdir_in(&base);
        let dir = dir.map_err(ServerError::io("create a folder in", &base))?.keep();
        fs::create_dir_all(dir.join("logs")).map_err(ServerError::io("create", dir.join("logs")))?;
        let sweeper = Some(Sweeper::of(&dir, None)?);
        let block = ports::take(&[0])?;
        let values =
            [("DIR", &*dir.display().to_string()), ("PORT", &block.base.to_string()), ("REALM", REALM)];
        let access = Access { config: dir.join("krb5.conf"), keytab: dir.join("keytab") };
        template::write(&access.config, KRB5, &values)?;
        template::write(&dir.join("kdc.conf"), KDC, &values)?;
        run(&dir, "kdb5_util", &["create", "-s", "-r", REALM, "-P", "only-in-tests"])?;
        for principal in PRINCIPALS {
            let keytab = access.keytab.display();
            for order in [format!("addprinc -randkey {principal}"), format!("ktadd -k {keytab} {principal}")]
            {
                run(&dir, "kadmin.local", &["-r", REALM, "-q", &order])?;
            }
        }
        let mut command = vec!["env".to_owned()];
        command.extend(environment(&dir).map(|(name, value)| format!("{name}={value}")));
        command.extend(["krb5kdc", "-n"].map(str::to_owned));
        let launch = Launch { command, ready: "commencing operation".to_owned() };
        let kdc = Server::new("kdc", &dir, Lifetime::Parent, launch);
        kdc.start()?;
        kdc.wait_ready().await?;
        Ok(Realm { kdc, access, dir, sweeper, _block: block })
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Without the file the logs go, and what the test says is all there is.
            let _ = fs::write(self.dir.join("keep"), "");
        }
        self.kdc.release();
        if let Some(sweeper) = self.sweeper.take() {
            sweeper.sweep();
        }
    }
}

/// What the realm's own programs need. Debian keeps them where only root looks for programs.
fn environment(dir: &Path) -> [(&'static str, String); 3] {
    let path = std::env::var("PATH").unwrap_or_default();
    [
        ("PATH", format!("{path}:/usr/sbin")),
        ("KRB5_CONFIG", dir.join("krb5.conf").display().to_string()),
        ("KRB5_KDC_PROFILE", dir.join("kdc.conf").display().to_string()),
    ]
}

fn run(dir: &Path, program: &'static str, arguments: &[&str]) -> Result<(), ServerError> {
    let ended = Command::new("env")
        .args(environment(dir).map(|(name, value)| format!("{name}={value}")))
        .arg(program)
        .args(arguments)
        .output()
        .map_err(ServerError::io("run", program))?;
    // kadmin.local ends well whatever became of its order.
    let said = String::from_utf8_lossy(&ended.stderr);
    if ended.status.code() == Some(127) {
        return Err(ServerError::Missing { program, package: "krb5-kdc krb5-admin-server" });
    }
    if ended.status.success() && !said.contains("while ") {
        return Ok(());
    }
    Err(ProcessError::Died { server: program, log: dir.join("logs"), tail: last_lines(&said) }.into())
}
