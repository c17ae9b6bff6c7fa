//! Secrets and ConfigMaps as the files that a cluster mounts: `DIR/secrets/NAME/KEY` and `DIR/configmaps/NAME/KEY`.
//!
//! Credentials come from files only, never from the environment or a flag: both can be read by others. The keys are
//! those that Strimzi, cert-manager and K8ssandra write.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use market::ErrorKind;

use crate::Failure;

/// Longest file that is read, in bytes: certificates and passwords are short.
const FILE_BYTES: u64 = 1 << 20;

/// The directory under which everything is mounted.
#[derive(Debug, Clone)]
pub struct Mounts(PathBuf);

/// One mounted Secret or ConfigMap.
#[derive(Debug, Clone)]
pub struct Mounted {
    field: &'static str,
    kind: &'static str,
    name: String,
    dir: PathBuf,
}

impl Mounts {
    /// What lies below `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self(dir.into())
    }

    /// The Secret that `field` of the manifest names.
    pub fn secret(&self, field: &'static str, name: &str) -> Result<Mounted, Failure> {
        self.mounted(field, "Secret", "secrets", name)
    }

    /// The ConfigMap that `field` of the manifest names.
    pub fn config_map(&self, field: &'static str, name: &str) -> Result<Mounted, Failure> {
        self.mounted(field, "ConfigMap", "configmaps", name)
    }

    fn mounted(
        &self,
        field: &'static str,
        kind: &'static str,
        below: &str,
        name: &str,
    ) -> Result<Mounted, Failure> {
        let dir = self.0.join(below).join(name);
        if !dir.is_dir() {
            return Err(Failure::new(
                ErrorKind::Misconfigured,
                format!(
                    "{field}: {} is no directory: put the keys of {kind} {name} there as files, or name the directory \
                     above `{below}` with --mounts",
                    dir.display()
                ),
            ));
        }
        Ok(Mounted { field, kind, name: name.to_owned(), dir })
    }
}

impl Mounted {
    /// The object's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a key's file is; it must be there.
    pub fn file(&self, key: &str) -> Result<PathBuf, Failure> {
        let path = self.dir.join(key);
        if path.is_file() { Ok(path) } else { Err(self.missing(&[key])) }
    }

    /// A key's text as it stands; `None` where there is no such key.
    pub fn text(&self, key: &str) -> Result<Option<String>, Failure> {
        let path = self.dir.join(key);
        let fail = |reason: String| {
            let (field, path) = (self.field, path.display());
            Failure::new(ErrorKind::Misconfigured, format!("{field}: {path} cannot be used: {reason}"))
        };
        match fs::metadata(&path) {
            Ok(found) if found.len() > FILE_BYTES => {
                return Err(fail(format!("it has {} bytes; a key has at most {FILE_BYTES}", found.len())));
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(fail(format!("{e}; give this user read access"))),
        }
        match fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => Ok(Some(text)),
            Ok(Err(_)) => Err(fail("it is not UTF-8 text; PEM and passwords are".to_owned())),
            Err(e) => Err(fail(format!("{e}; give this user read access"))),
        }
    }

    /// The first of these keys that is there, without the line end that an editor leaves.
    pub fn word(&self, keys: &[&str]) -> Result<String, Failure> {
        for key in keys {
            if let Some(text) = self.text(key)? {
                let word = text.trim_end_matches(['\r', '\n']);
                if word.is_empty() {
                    let (field, path) = (self.field, self.dir.join(key));
                    let text = format!("{field}: {} is empty: write the value into it", path.display());
                    return Err(Failure::new(ErrorKind::Misconfigured, text));
                }
                return Ok(word.to_owned());
            }
        }
        Err(self.missing(keys))
    }

    /// A certificate or key in PEM; it must be there.
    pub fn pem(&self, key: &str) -> Result<String, Failure> {
        let text = self.text(key)?.ok_or_else(|| self.missing(&[key]))?;
        if text.contains("-----BEGIN ") {
            return Ok(text);
        }
        let (field, path) = (self.field, self.dir.join(key));
        Err(Failure::new(
            ErrorKind::Misconfigured,
            format!("{field}: {} is not PEM: it must hold -----BEGIN … lines", path.display()),
        ))
    }

    /// A client's certificate and key: `user.crt`/`user.key` as Strimzi writes them, or `tls.crt`/`tls.key` as
    /// cert-manager does. `None` where the Secret has neither.
    pub fn identity(&self) -> Result<Option<Identity>, Failure> {
        for (cert, key, own_ca) in [("user.crt", "user.key", false), ("tls.crt", "tls.key", true)] {
            if self.text(cert)?.is_none() {
                continue;
            }
            // Strimzi's user Secret holds the authority of *clients* as ca.crt: servers are signed by another one.
            let ca = if own_ca && self.text("ca.crt")?.is_some() { Some(self.pem("ca.crt")?) } else { None };
            return Ok(Some(Identity { cert: self.pem(cert)?, key: self.pem(key)?, ca }));
        }
        Ok(None)
    }

    /// The error for a Secret that has none of the keys.
    pub fn missing(&self, keys: &[&str]) -> Failure {
        let (field, kind, name, dir) = (self.field, self.kind, &self.name, self.dir.display());
        let keys = keys.join(" or ");
        Failure::new(
            ErrorKind::Misconfigured,
            format!(
                "{field}: {kind} {name} has no key {keys} (looked in {dir}): add it, or name another {kind}"
            ),
        )
    }
}

/// A client's certificate and private key, in PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
    /// The authority that issued it and, as cert-manager sets up things, the server's.
    pub ca: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(files: &[(&str, &str)]) -> (tempfile::TempDir, Mounts) {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secrets/user");
        fs::create_dir_all(&secret).unwrap();
        for (name, text) in files {
            fs::write(secret.join(name), text).unwrap();
        }
        let mounts = Mounts::new(dir.path());
        (dir, mounts)
    }

    #[test]
    fn words_lose_their_line_end_and_nothing_else() {
        let (_dir, mounts) = secret(&[("password", " a b \r\n")]);
        assert_eq!(mounts.secret("f", "user").unwrap().word(&["nope", "password"]).unwrap(), " a b ");
    }

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        let (_dir, mounts) = secret(&[("password", ""), ("ca.crt", "text")]);
        let text = |r: Result<Mounted, Failure>| r.unwrap_err().text;
        let other = text(mounts.secret("a.secretRef", "other"));
        assert!(
            other.contains("a.secretRef") && other.contains("secrets/other") && other.contains("--mounts")
        );
        let user = mounts.secret("a.secretRef", "user").unwrap();
        assert!(user.word(&["username"]).unwrap_err().text.contains("no key username"));
        assert!(user.word(&["password"]).unwrap_err().text.contains("is empty"));
        assert!(user.pem("ca.crt").unwrap_err().text.contains("not PEM"));
    }

    #[test]
    fn identities_of_both_kinds_are_found() {
        let pem = |n: &str| format!("-----BEGIN {n}-----\n-----END {n}-----\n");
        let (_dir, mounts) =
            secret(&[("user.crt", &pem("A")), ("user.key", &pem("B")), ("ca.crt", &pem("CLIENTS"))]);
        let strimzi = mounts.secret("f", "user").unwrap().identity().unwrap().unwrap();
        assert!(strimzi.cert.contains(" A-") && strimzi.key.contains(" B-") && strimzi.ca.is_none());
        let (_dir, mounts) =
            secret(&[("tls.crt", &pem("A")), ("tls.key", &pem("B")), ("ca.crt", &pem("ISSUER"))]);
        let manager = mounts.secret("f", "user").unwrap().identity().unwrap().unwrap();
        assert!(manager.ca.unwrap().contains("ISSUER"));
        let (_dir, mounts) = secret(&[("password", "x")]);
        assert!(mounts.secret("f", "user").unwrap().identity().unwrap().is_none());
        let (_dir, mounts) = secret(&[("tls.crt", &pem("A"))]);
        assert!(mounts.secret("f", "user").unwrap().identity().is_err(), "a certificate without its key");
    }
}
