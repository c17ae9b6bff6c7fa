//! The real program as processes on the real servers, with a pipeline of its own.

use serde_json::{Value, json};
use servers::{Stack, unique};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a command may take that does a bounded thing.
pub const COMMAND: Duration = Duration::from_secs(120);

/// A pipeline: its manifest, and a folder for the logs of its processes.
pub struct Program {
    /// The pipeline's name; also its topic, its keyspace and its folder on HDFS.
    pub name: String,
    dir: Option<tempfile::TempDir>,
}

impl Program {
    /// A pipeline on the servers of `stack`; `spec` replaces fields of the manifest's spec.
    pub fn new(stack: &Stack, name: &str, partitions: u32, spec: Value) -> Program {
        let name = unique(name);
        let dir = tempfile::Builder::new().prefix("stockpipe-scenario-").tempdir().expect("a folder");
        let mut whole = json!({
            "source": {"kafka": {
                "bootstrapServers": stack.kafka.bootstrap(),
                "topic": {"name": name, "partitions": partitions},
            }},
            "lake": {"hdfs": {"uri": stack.hdfs.uri()}, "root": format!("/{name}"), "roll": {"age": "2s", "size": "1Mi"}},
            "featureStore": {"cassandra": {"contactPoints": [stack.cassandra.contact()], "keyspace": name}},
            "features": {
                "watermark": "5s",
                "windows": [{"name": "sma_5", "size": "15s", "slide": "5s"}, {"name": "sma_20", "size": "60s", "slide": "15s"}],
                "bars": ["5s", "1m"],
                "indicators": ["sma_5", "rsi_14"],
            },
            "predictor": {"enabled": false},
            "dashboard": {"enabled": false},
        });
        merge(&mut whole, spec);
        let manifest = json!({
            "apiVersion": "stockpipe.dev/v1alpha1",
            "kind": "StockPipeline",
            "metadata": {"name": name},
            "spec": whole,
        });
        // JSON is YAML.
        fs::write(dir.path().join("pipeline.yaml"), format!("{manifest:#}")).expect("the manifest");
        Program { name, dir: Some(dir) }
    }

    /// Where the manifest and the logs lie.
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().expect("the folder is there until the end").path()
    }

    /// `stockpipe ARGS… -f manifest`, not started. Nothing of the caller's environment gets in.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .arg("-f")
            .arg(self.dir().join("pipeline.yaml"))
            .arg("--mounts")
            .arg(self.dir().join("mounts"))
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null());
        command
    }

    /// A Secret as a cluster mounts it.
    pub fn secret(&self, name: &str, keys: &[(&str, &str)]) {
        let dir = self.dir().join("mounts/secrets").join(name);
        fs::create_dir_all(&dir).expect("the secret's folder");
        for (key, value) in keys {
            fs::write(dir.join(key), value).expect("a key");
        }
    }

    /// Runs a command to its end, with a deadline.
    pub async fn run(&self, args: &[&str]) -> Output {
        self.run_within(args, COMMAND).await
    }

    /// Runs a command to its end, with this deadline.
    pub async fn run_within(&self, args: &[&str], limit: Duration) -> Output {
        let mut command = self.command(args);
        let what = format!("stockpipe {}", args.join(" "));
        tokio::task::spawn_blocking(move || {
            let child =
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
            finish(child, &what, limit)
        })
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Runs a command that must succeed; gives what it printed.
    pub async fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "stockpipe {}: {}\n{errors}", args.join(" "), output.status);
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs a command that must fail within `limit`; gives what it said.
    pub async fn fails(&self, args: &[&str], limit: Duration) -> String {
        let output = self.run_within(args, limit).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "stockpipe {} succeeded\n{errors}", args.join(" "));
        assert!(!errors.contains("panicked"), "{errors}");
        assert!(output.status.code().is_some(), "stockpipe {}: {}\n{errors}", args.join(" "), output.status);
        errors
    }

    /// Starts a long-running role.
    pub fn spawn(&self, name: &str, args: &[&str]) -> Worker {
        let log = self.dir().join(format!("{name}.log"));
        let (manifest, mounts) = (self.dir().join("pipeline.yaml"), self.dir().join("mounts"));
        let mut command = vec![binary().into_os_string()];
        command.extend(args.iter().map(Into::into));
        command.extend(["-f".into(), manifest.into_os_string()]);
        command.extend(["--mounts".into(), mounts.into_os_string()]);
        let mut worker = Worker { name: name.to_owned(), log, command, child: None, lives: 0 };
        worker.start();
        worker
    }

    /// The end of every log, for a message.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(self.dir()).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "log") {
                let log = fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let end = lines[lines.len().saturating_sub(20)..].join("\n");
                text.push_str(&format!("-- {}\n{end}\n", path.display()));
            }
        }
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            let kept = dir.keep();
            eprintln!("the program's logs are kept in {}", kept.display());
        }
    }
}

/// A long-running role: one process at a time, in as many lives as a test wants.
pub struct Worker {
    /// What the test calls it.
    pub name: String,
    /// How often it was started.
    pub lives: u32,
    log: PathBuf,
    command: Vec<std::ffi::OsString>,
    child: Option<Child>,
}

impl Worker {
    /// Starts it, again if need be. Its log goes on.
    pub fn start(&mut self) {
        self.kill();
        let mut log = File::options().create(true).append(true).open(&self.log).expect("a log");
        self.lives += 1;
        writeln!(log, "== life {}", self.lives).expect("a line");
        let child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("the program starts"));
    }

    /// kill -9; nothing where it does not run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and its exit code; fails where it has not drained after `limit`.
    pub async fn drain(&mut self, limit: Duration) -> Option<i32> {
        let child = self.child.take()?;
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok()?;
        let name = self.name.clone();
        let ended =
            tokio::task::spawn_blocking(move || finish(child, &format!("draining {name}"), limit)).await;
        ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())).status.code()
    }

    /// The exit code of a process that has ended by itself since it was started.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        Some(status.code())
    }

    /// True while it has a process.
    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where it listens in this life.
    pub fn address(&self) -> Option<String> {
        let log = self.log();
        let life = log.rsplit("== life ").next()?;
        let from = life.find("http://")? + "http://".len();
        Some(life[from..].split(['/', ' ', '\n']).next()?.to_owned())
    }

    /// What it says of itself.
    pub async fn status(&self) -> Option<Value> {
        let (code, body) = self.get("/status").await?;
        (code == 200).then(|| serde_json::from_str(&body).ok())?
    }

    /// One request; `None` where nobody answers.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let (address, path) = (self.address()?, path.to_owned());
        tokio::task::spawn_blocking(move || get(&address, &path)).await.ok()?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let limit = Some(Duration::from_secs(5));
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(limit).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
}

/// The program: `STOCKPIPE`, else what was built beside this test.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("STOCKPIPE") {
        return path.into();
    }
    let test = std::env::current_exe().expect("this test has a file");
    let built = test.parent().and_then(Path::parent).map(|dir| dir.join("stockpipe")).unwrap_or_default();
    assert!(built.exists(), "{} is missing: cargo build --bin stockpipe", built.display());
    built
}

/// Waits for the end with a deadline, reading both pipes meanwhile.
fn finish(mut child: Child, what: &str, limit: Duration) -> Output {
    let reading = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            pipe.map(|mut pipe| pipe.read_to_end(&mut text));
            text
        })
    };
    let out = reading(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let errors = reading(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a process of ours") {
            break Some(status);
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    };
    let stdout = out.join().unwrap_or_default();
    let stderr = errors.join().unwrap_or_default();
    match status {
        Some(status) => Output { status, stdout, stderr },
        None => panic!("{what}: still running after {limit:?}\n{}", String::from_utf8_lossy(&stderr)),
    }
}

/// Lays `over` upon `base`, mapping by mapping.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}
