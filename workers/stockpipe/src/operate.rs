//! Commands that prepare, check and repair a pipeline. They run in the typed process, on embedded stores and on servers
//! alike, and say at the end what they did.

mod control;
mod destroy;
mod doctor;
mod init;
mod made;
mod upkeep;

pub use control::{accept_topic, skip};
pub use destroy::destroy;
pub use doctor::doctor;
pub use init::init;
pub use upkeep::{backup, compact, fsck, replay, restore};

use crds::{Bare, Documents};
use serde_json::Value;

use crate::{
    Context, Failure, cli,
    cli::Format,
    context::{Patience, connect::Needs},
    load,
    output::{self, Output, Table},
    settings::{mounts::Mounts, stores::Stores},
};

/// The manifest of such a command.
fn documents(manifest: &cli::ManifestArgs) -> Result<Documents, Failure> {
    load::load(manifest, Bare::Pipeline)
}

/// How to reach the servers, as a command that is no role.
fn stores(documents: &Documents, manifest: &cli::ManifestArgs) -> Result<Stores, Failure> {
    let client = format!("command-{}", std::process::id());
    Stores::new(&documents.pipeline, &mounts(manifest), &client)
}

/// The Secrets and ConfigMaps that the manifest names.
fn mounts(manifest: &cli::ManifestArgs) -> Mounts {
    Mounts::new(&manifest.mounts)
}

/// The stores that the command line names: embedded ones that are there, or servers that are prepared.
pub(crate) async fn context(
    documents: Documents,
    manifest: &cli::ManifestArgs,
    needs: Needs,
) -> Result<Context, Failure> {
    match &manifest.data {
        Some(dir) => Context::open(dir, documents, mounts(manifest), false, Patience::Usual).await,
        None => {
            let stores = stores(&documents, manifest)?;
            Context::connect(stores, documents, mounts(manifest), needs).await
        }
    }
}

/// Prints a table, or the same as one JSON value.
async fn print(format: Format, table: Table, value: Value) -> Result<u8, Failure> {
    let (out, frames) = Output::channel();
    tokio::spawn(async move {
        let printed = match format {
            Format::Json => out.out(format!("{value:#}\n")).await,
            Format::Table | Format::Csv => out.table(format, table).await,
        };
        out.exit(u8::from(printed.is_err())).await;
    });
    Ok(output::print(frames).await)
}
