//! Reads the manifest: the files named with `-f`, `--set`, and the environment.

use std::fs;

use crds::{Bare, Documents, File, Manifest};
use market::ErrorKind;

use crate::{Failure, cli::ManifestArgs};

/// The documents, complete and valid; every warning on stderr.
pub fn load(args: &ManifestArgs, bare: Bare) -> Result<Documents, Failure> {
    load_with(args, bare, &[])
}

/// As [`load`], with further overrides that flags stand for.
pub fn load_with(args: &ManifestArgs, bare: Bare, flags: &[(String, String)]) -> Result<Documents, Failure> {
    let files = args
        .files
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            let text = fs::read_to_string(path).map_err(|e| {
                Failure::bad_input(format!("{name} cannot be read: {e}; name the manifest with -f"))
            })?;
            Ok(File { name, text })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut set = args
        .set
        .iter()
        .map(|pair| {
            pair.split_once('=').map(|(path, value)| (path.to_owned(), value.to_owned())).ok_or_else(|| {
                Failure::bad_input(format!("--set {pair}: write PATH=VALUE, as in features.watermark=2s"))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    set.extend_from_slice(flags);
    let env = |name: &str| std::env::var(name).ok();
    let documents = Manifest::load(&files, &set, bare, &env, args.no_env)
        .map_err(|e| Failure::new(ErrorKind::BadInput, e.to_string()))?;
    for warning in &documents.warnings {
        eprintln!("note: {warning}");
    }
    Ok(documents)
}
