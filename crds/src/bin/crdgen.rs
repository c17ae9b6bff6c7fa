//! Writes `crds/yaml/`, the templates of the chart `stockpipe-crds` and `docs/reference.md` from the types. A test
//! compares; this is how to make it pass.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match generate(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crdgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate(crate_dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    write(&crate_dir.join("yaml"), crds::crd::files()?)?;
    write(&crate_dir.join("../charts/stockpipe-crds/templates"), crds::crd::templates()?)?;
    write(&crate_dir.join("../docs"), [("reference.md", crds::manual::page())])
}

fn write<const N: usize>(
    directory: &Path,
    files: [(&str, String); N],
) -> Result<(), Box<dyn std::error::Error>> {
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(directory).map_err(|error| told(directory, error))?;
    for (name, content) in files {
        let path = directory.join(name);
        std::fs::write(&path, content).map_err(|error| told(&path, error))?;
    }
    Ok(())
}
