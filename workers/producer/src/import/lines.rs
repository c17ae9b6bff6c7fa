//! Lines as they are: keyed by symbol, in their order, file after file. With one partition, line k is offset k - 1.
//!
//! A line that is no tick still gets its place: ingest makes a dead letter of it. Its key is its symbol where one can be
//! read, else it has none and goes to partition 0.

use std::{collections::BTreeMap, io::BufRead, path::Path};

use market::{DecodeRules, NewRecord, Symbol, decode};
use runtime::Shutdown;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{ImportComponents, InputReport, InputSettings, open, write::rows_done};
use crate::{ImportError, durable, limits};

/// Batches that wait between reading and appending.
const READ_AHEAD: usize = 2;

/// Puts the lines of NDJSON files into the log. Resumable, except standard input.
pub async fn input(
    settings: InputSettings,
    components: ImportComponents,
    shutdown: Shutdown,
) -> Result<InputReport, ImportError> {
    let mut report = InputReport::default();
    for file in &settings.files {
        if shutdown.is_draining() {
            break;
        }
        one_file(file, &components, &shutdown, &mut report).await?;
    }
    Ok(report)
}

async fn one_file(
    file: &Path,
    components: &ImportComponents,
    shutdown: &Shutdown,
    report: &mut InputReport,
) -> Result<(), ImportError> {
    let topic = &components.topic;
    let identity = match open::identity(file)? {
        Some(id) => format!("{id:016x}"),
        None => format!("stdin-{}", (components.clock)()),
    };
    let key = |p: u32| format!("input/{}/{}/{identity}/{p}", topic.name(), topic.id());
    let mut done: BTreeMap<u32, usize> = BTreeMap::new();
    let (sender, mut batches) = mpsc::channel(READ_AHEAD);
    let path = file.to_owned();
    let reading = tokio::task::spawn_blocking(move || read(&path, &sender));
    let mut read_so_far = 0;
    loop {
        let batch: Vec<Vec<u8>> = tokio::select! {
            batch = batches.recv() => match batch { Some(batch) => batch, None => break },
            // Standard input may stay silent for ever; its reader ends with the process.
            () = shutdown.draining() => return Ok(()),
        };
        let mut by_partition: BTreeMap<u32, Vec<NewRecord>> = BTreeMap::new();
        let until = read_so_far + batch.len();
        for (i, value) in batch.into_iter().enumerate() {
            let key_of = symbol_of(&value);
            let p = key_of.as_ref().map_or(0, |s| tick_log::partition_of(s.as_bytes(), topic.partitions()));
            let so_far = match done.get(&p) {
                Some(n) => *n,
                None => *done.entry(p).or_insert(rows_done(components.log.note(&key(p)).await?)),
            };
            report.lines += 1;
            if read_so_far + i < so_far {
                report.already += 1;
            } else {
                let record = NewRecord { key: key_of.map(String::into_bytes), value };
                by_partition.entry(p).or_default().push(record);
            }
        }
        for (p, records) in by_partition {
            report.written += records.len() as u64;
            let note = until.to_string().into_bytes();
            durable::append(&components.log, topic, p, records, &key(p), note, shutdown).await?;
        }
        read_so_far = until;
        (components.progress)(report.lines, None);
    }
    reading.await.map_err(|e| ImportError::Unreadable { file: file.into(), why: e.to_string() })?
}

/// Reads lines until the file or its audience ends.
fn read(file: &Path, batches: &mpsc::Sender<Vec<Vec<u8>>>) -> Result<(), ImportError> {
    let mut text = open::reader(file)?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    loop {
        let line = line(&mut text).map_err(|e| open::unreadable(file, &e))?;
        let ended = line.is_none();
        if let Some(line) = line {
            bytes += line.len();
            batch.push(line);
        }
        // What is buffered travels on before a read that may wait: standard input can be slow.
        let waits = text.buffer().is_empty();
        let full = bytes >= limits::INPUT_BATCH_BYTES || batch.len() >= limits::INPUT_BATCH_LINES;
        if (full || ended || waits)
            && !batch.is_empty()
            && batches.blocking_send(std::mem::take(&mut batch)).is_err()
        {
            return Ok(());
        }
        if full || ended || waits {
            bytes = 0;
        }
        if ended {
            return Ok(());
        }
    }
}

/// The next line without its newline, cut at [`limits::LINE_BYTES`]; `None` at the end.
fn line(text: &mut open::Text) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let buffer = text.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some(line));
        }
        any = true;
        let end = buffer.iter().position(|b| *b == b'\n');
        let take = end.unwrap_or(buffer.len());
        let room = limits::LINE_BYTES.saturating_sub(line.len());
        line.extend_from_slice(&buffer[..take.min(room)]);
        text.consume(take + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// The symbol of a line, whatever else is wrong with it.
fn symbol_of(line: &[u8]) -> Option<String> {
    if let Ok(tick) = decode(line, DecodeRules { allow_ohlc_disorder: true }) {
        return Some(tick.symbol.into_owned());
    }
    if line.len() > market::limits::RECORD_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(line).ok()?;
    value.get("symbol")?.as_str().filter(|s| Symbol::is_valid(s)).map(str::to_owned)
}
