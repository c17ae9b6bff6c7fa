//! `make generate`: writes the table of cases into `docs/migrating-from-spark.md`.

use std::{error::Error, fs, path::Path};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrating-from-spark.md");
    let table = parity::table::markdown(&parity::table::lines().await?);
    let document = parity::table::replace(&fs::read_to_string(&path)?, &table)?;
    fs::write(path, document)?;
    Ok(())
}
