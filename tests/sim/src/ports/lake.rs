//! The lake: one set of files, seen through one connection a worker.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use commitlog::{Commit, Kind, Layout, invariants::Invariant};
use lake::{Call, Entry, Fault, FaultyLake, Lake, LakeError, MemoryLake};
use tokio::sync::Notify;

use super::Client;
use crate::{
    faults::{Break, Weather},
    world::World,
};

/// What the client allows one call.
const RPC_LIMIT: Duration = Duration::from_secs(10);
/// Calls that take so long at the least are counted, in milliseconds.
const SLOW_MS: u64 = 400;
/// How long after its answer a late rename is carried out, in milliseconds.
const LATE_MS: std::ops::Range<u64> = 20..20_000;

/// The server's side of a connection: files change here, whoever still waits for the answer.
pub struct ServerLake {
    by: Arc<str>,
    world: World,
    files: MemoryLake,
}

impl ServerLake {
    /// A connection of worker `by`.
    pub fn new(by: Arc<str>, world: &World) -> Self {
        Self { by, world: world.clone(), files: world.lake.clone() }
    }

    async fn record_at(&self, path: &str) -> Option<Commit> {
        let bytes = self.files.read(path).await.ok()?;
        Commit::decode(path, &bytes).ok()
    }
}

#[async_trait]
impl Lake for ServerLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        let (length, crc) = (bytes.len(), crc32c::crc32c(&bytes));
        let result = self.files.create(path, bytes).await;
        self.world
            .trace
            .say("lake", format_args!("{} created {path} {length} {crc:08x} {}", self.by, told(&result)));
        result
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        let is_record = is_record(to);
        if self.world.breaks(Break::OverwritingLake) && is_record && self.files.stat(to).await?.is_some() {
            self.files.delete(to).await?;
        }
        let is_fence =
            async || self.record_at(from).await.is_some_and(|c| c.kind == Kind::Fence && c.seq > 0);
        let loses = self.world.breaks(Break::LosingLake) && to.starts_with("raw/");
        if loses || (self.world.breaks(Break::FencelessLake) && is_record && is_fence().await) {
            self.files.delete(from).await?;
            return Ok(());
        }
        let result = self.files.rename_no_overwrite(from, to).await;
        self.world.trace.say("lake", format_args!("{} renamed {from} to {to} {}", self.by, told(&result)));
        if result.is_ok() && is_record {
            match self.record_at(to).await {
                Some(commit) => self.world.witness.placed(&self.by, commit),
                None => {
                    self.world.witness.broken(Invariant::I1, format!("{to} is placed and cannot be read"))
                }
            }
        }
        result
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        self.files.list(dir).await
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        self.files.stat(path).await
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        self.files.read(path).await
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        let result = self.files.delete(path).await;
        self.world.trace.say("lake", format_args!("{} deleted {path}", self.by));
        result
    }
}

/// A worker's side: delays, faults, the client's limit.
#[derive(Clone)]
pub struct ClientLake {
    client: Client,
    faulty: FaultyLake,
}

impl ClientLake {
    /// A connection that fails as the weather says, and once, at call number `crash.0`, by the death of its process.
    pub fn new(client: Client, crash: Option<(u64, Fault)>) -> Self {
        let server = Arc::new(ServerLake::new(client.name.clone(), &client.world));
        let (planned, weather) = (client.clone(), client.weather);
        let waiting = Arc::new(Notify::new());
        let waits = waiting.clone();
        let faulty = FaultyLake::new(server, move |n, call, path| {
            let fault = match &crash {
                Some((at, crash)) if *at == n && !planned.world.faults.are_over() => Some(crash.clone()),
                _ => fault(&planned, &weather, call, path),
            }?;
            let kind = kind_of(&fault);
            planned.world.faults.count(kind);
            planned.say(format_args!("{kind} at {call:?} {path}"));
            if fault == Fault::Late {
                waits.notify_one();
            }
            Some(fault)
        });
        let (late, dice) = (faulty.clone(), client.dice.clone());
        // A server goes on whoever has died meanwhile.
        tokio::spawn(async move {
            loop {
                waiting.notified().await;
                tokio::time::sleep(dice.millis(LATE_MS.start, LATE_MS.end)).await;
                late.apply_late().await;
            }
        });
        Self { client, faulty }
    }

    /// Waits until the process dies by a fault.
    pub async fn crashed(&self) {
        self.faulty.crashed().await;
    }

    /// True once the process has died by a fault.
    pub fn is_crashed(&self) -> bool {
        self.faulty.is_crashed()
    }

    async fn call<T>(
        &self,
        call: Call,
        path: &str,
        run: impl Future<Output = Result<T, LakeError>> + Send,
    ) -> Result<T, LakeError> {
        let weather = &self.client.weather;
        let (least, most) = match call {
            Call::Create | Call::Rename => (weather.lake_write_ms, 2 * weather.lake_write_ms),
            _ => (0, weather.lake_read_ms),
        };
        if least >= SLOW_MS {
            self.client.world.faults.count("lake: slow");
        }
        self.client.travel(least / 2, most / 2).await;
        let result = match tokio::time::timeout(RPC_LIMIT, run).await {
            Ok(result) => result,
            Err(_) if matches!(call, Call::Create | Call::Rename | Call::Delete) => Err(unknown(path)),
            Err(_) => Err(unavailable(path)),
        };
        self.client.travel(least / 2, most / 2).await;
        self.client.say(format_args!("{call:?} {path} {}", told(&result)));
        result
    }
}

#[async_trait]
impl Lake for ClientLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        self.call(Call::Create, path, self.faulty.create(path, bytes)).await
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        self.call(Call::Rename, to, self.faulty.rename_no_overwrite(from, to)).await
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        self.call(Call::List, dir, self.faulty.list(dir)).await
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        self.call(Call::Stat, path, self.faulty.stat(path)).await
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        self.call(Call::Read, path, self.faulty.read(path)).await
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        self.call(Call::Delete, path, self.faulty.delete(path)).await
    }
}

/// True for the name of a partition's commit record; compaction has records of its own.
fn is_record(path: &str) -> bool {
    Layout::new("").partition_of_log(path).is_some() && path.ends_with(".commit")
}

/// What the weather does to a call.
fn fault(client: &Client, weather: &Weather, call: Call, path: &str) -> Option<Fault> {
    let writes = matches!(call, Call::Create | Call::Rename | Call::Delete);
    let error = if writes { unknown(path) } else { unavailable(path) };
    if client.strikes(weather.lake_before) {
        return Some(Fault::Before(error));
    }
    if client.strikes(weather.lake_after) {
        return Some(Fault::After(error));
    }
    if client.strikes(weather.lake_silent) {
        return Some(Fault::Silent { carried_out: client.dice.chance(500) });
    }
    match call {
        Call::Create if client.strikes(weather.lake_torn) => Some(Fault::Torn(error)),
        Call::Rename if client.strikes(weather.lake_late) => Some(Fault::Late),
        _ => None,
    }
}

fn kind_of(fault: &Fault) -> &'static str {
    match fault {
        Fault::Before(_) => "lake: before dispatch",
        Fault::After(_) => "lake: after it was carried out",
        Fault::Torn(_) => "lake: torn file",
        Fault::Late => "lake: late rename",
        Fault::Silent { .. } => "lake: no answer",
        Fault::CrashBefore => "crash before a call",
        Fault::CrashAfter => "crash after a call",
        Fault::CrashTorn => "crash in a call",
        Fault::Stall => "lake: stalled",
        Fault::Overwrite => "lake: overwritten",
    }
}

fn unknown(path: &str) -> LakeError {
    LakeError::OutcomeUnknown { path: path.to_owned(), reason: "no answer".into() }
}

fn unavailable(path: &str) -> LakeError {
    LakeError::Unavailable { path: path.to_owned(), reason: "no answer".into() }
}

fn told<T>(result: &Result<T, LakeError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(LakeError::AlreadyExists { .. }) => "exists",
        Err(LakeError::NotFound { .. }) => "absent",
        Err(LakeError::OutcomeUnknown { .. }) => "unknown",
        Err(_) => "failed",
    }
}
