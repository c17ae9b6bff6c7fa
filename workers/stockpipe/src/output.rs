//! What a command prints, as frames: results for stdout, words for stderr. A command never knows whether it runs in the
//! process the person typed it in or behind the socket of a running `local`.

use std::io::{self, Write};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::cli::Format;

/// Frames under way between a command and its terminal.
const FRAMES: usize = 64;
/// Rows of a table or CSV that are rendered into one frame.
const ROWS_PER_FRAME: usize = 2_000;

/// One piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Bytes for stdout.
    Out(Bytes),
    /// One line for stderr.
    Note(String),
    /// The exit code; the last frame.
    Exit(u8),
}

/// Where a command writes.
#[derive(Debug, Clone)]
pub struct Output(mpsc::Sender<Frame>);

/// The reader has gone (`| head`): the command stops without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads the output any more")]
pub struct Closed;

impl Output {
    /// A command's end and its reader's.
    pub fn channel() -> (Self, mpsc::Receiver<Frame>) {
        let (tx, rx) = mpsc::channel(FRAMES);
        (Self(tx), rx)
    }

    /// Bytes for stdout.
    pub async fn out(&self, bytes: impl Into<Bytes>) -> Result<(), Closed> {
        self.0.send(Frame::Out(bytes.into())).await.map_err(|_| Closed)
    }

    /// A line for stderr.
    pub async fn note(&self, line: impl Into<String>) -> Result<(), Closed> {
        self.0.send(Frame::Note(line.into())).await.map_err(|_| Closed)
    }

    /// A line for stderr from code that must not wait: dropped when the terminal is that far behind.
    pub fn try_note(&self, line: impl Into<String>) {
        let _ = self.0.try_send(Frame::Note(line.into()));
    }

    /// The end.
    pub async fn exit(&self, code: u8) {
        let _ = self.0.send(Frame::Exit(code)).await;
    }

    /// Prints rows in the format asked for.
    pub async fn table(&self, format: Format, table: Table) -> Result<(), Closed> {
        match format {
            Format::Json => self.out(table.json()).await,
            Format::Table => self.out(table.aligned()).await,
            Format::Csv => {
                self.out(csv_line(table.head.iter().map(|h| Value::from(h.as_str())).collect())).await?;
                for chunk in table.rows.chunks(ROWS_PER_FRAME) {
                    let bytes: Vec<u8> = chunk.iter().flat_map(|row| csv_line(row.clone())).collect();
                    self.out(bytes).await?;
                }
                Ok(())
            }
        }
    }
}

/// Writes frames to this process's stdout and stderr until the command ends; gives its exit code.
pub async fn print(mut frames: mpsc::Receiver<Frame>) -> u8 {
    while let Some(frame) = frames.recv().await {
        let done = match frame {
            Frame::Out(bytes) => {
                let mut out = io::stdout().lock();
                out.write_all(&bytes).and_then(|()| out.flush())
            }
            Frame::Note(line) => writeln!(io::stderr().lock(), "{line}"),
            Frame::Exit(code) => return code,
        };
        if done.is_err() {
            // A closed pipe is the reader's wish, not an error.
            return 0;
        }
    }
    1
}

/// Rows with named columns; numbers stay numbers until they are printed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Column names.
    pub head: Vec<String>,
    /// One value a column; null where there is none.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// An empty table.
    pub fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    fn json(&self) -> Vec<u8> {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                Value::Object(self.head.iter().cloned().zip(row.iter().cloned()).collect::<Map<_, _>>())
            })
            .collect();
        let mut bytes = serde_json::to_vec_pretty(&rows).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    fn aligned(&self) -> Vec<u8> {
        if self.rows.is_empty() {
            return b"no rows\n".to_vec();
        }
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(self.head.iter().map(|h| h.to_uppercase()));
        for (i, _) in self.head.iter().enumerate() {
            let numeric = self.rows.iter().all(|r| r[i].is_number() || r[i].is_null());
            if let Some(column) = table.column_mut(i) {
                column.set_padding((0, 2));
                if numeric {
                    column.set_cell_alignment(comfy_table::CellAlignment::Right);
                }
            }
        }
        for row in &self.rows {
            table.add_row(row.iter().map(for_people));
        }
        let mut bytes = Vec::new();
        for line in table.lines() {
            bytes.extend_from_slice(line.trim_end().as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }
}

/// A cell of a table on a terminal: floats with at most 6 significant decimals, absent as a dash.
fn for_people(value: &Value) -> String {
    match value {
        Value::Null => "—".to_owned(),
        Value::String(s) => s.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        Value::Number(n) if n.is_f64() => {
            let text = format!("{:.6}", n.as_f64().unwrap_or_default());
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

/// One CSV line: shortest round-trip floats, nothing for an absent value.
fn csv_line(row: Vec<Value>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let fields = row.iter().map(|v| match v {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        Value::Number(n) => match n.as_f64().filter(|_| n.is_f64()) {
            Some(x) => x.to_string(),
            None => n.to_string(),
        },
        other => other.to_string(),
    });
    // Writing into memory cannot fail.
    let _ = writer.write_record(fields);
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(["symbol", "sma", "n"]);
        table.rows.push(vec![json!("A,\"B"), json!(0.1 + 0.2), json!(3)]);
        table.rows.push(vec![json!("C"), Value::Null, json!(10)]);
        table
    }

    #[tokio::test]
    async fn csv_keeps_full_precision_and_quotes() {
        let (out, mut frames) = Output::channel();
        out.table(Format::Csv, sample()).await.unwrap();
        drop(out);
        let mut text = Vec::new();
        while let Some(Frame::Out(bytes)) = frames.recv().await {
            text.extend_from_slice(&bytes);
        }
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "symbol,sma,n\n\"A,\"\"B\",0.30000000000000004,3\nC,,10\n"
        );
    }

    #[test]
    fn json_rows_are_objects() {
        let rows: Value = serde_json::from_slice(&sample().json()).unwrap();
        assert_eq!(rows[1], json!({"symbol": "C", "sma": null, "n": 10}));
    }

    #[test]
    fn a_terminal_never_gets_control_characters() {
        assert_eq!(for_people(&json!("a\u{1b}[31m")), "a\u{fffd}[31m");
    }
}
