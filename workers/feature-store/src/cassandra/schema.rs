//! The tables, from `schema.cql`, and what a manifest adds to them: one double column an indicator.
//!
//! Every list of columns that a statement uses stands here once; a test holds it against `schema.cql`.

use super::CassandraSettings;

/// The tables as a person reads them.
pub const FILE: &str = include_str!("schema.cql");

/// Schema of this program. A change of `schema.cql` that an existing keyspace cannot take by running the file again
/// raises it and adds its statements to [`MIGRATIONS`]; nothing is ever dropped or retyped.
pub(super) const VERSION: u32 = 1;

/// Statements that bring a keyspace from one version to the next, in order. Each may run twice.
pub(super) const MIGRATIONS: &[(u32, &[&str])] = &[];

/// Columns that windows and bars share, behind their key, in the order of every statement.
pub(super) const ROW_COLUMNS: [&str; 17] = [
    "window_end",
    "sma",
    "n",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "vwap",
    "final",
    "revision",
    "generation",
    "partial",
    "part",
    "last_offset",
    "row_index",
    "window_start",
];

/// Columns that bars have besides, before their indicators.
pub(super) const BAR_COLUMNS: [&str; 2] = ["features", "schema_hash"];

/// What the tables of a manifest look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    columns: Vec<String>,
}

impl Schema {
    /// The schema that these settings need.
    pub fn of(settings: &CassandraSettings) -> Self {
        Self { columns: settings.indicator_columns.iter().map(|name| column(name)).collect() }
    }

    /// Columns of `bars` that hold indicators, in the manifest's order.
    pub fn indicator_columns(&self) -> &[String] {
        &self.columns
    }

    /// The statements that make every table that is not there. Each may run twice.
    pub fn statements() -> Vec<String> {
        let code: Vec<&str> = FILE.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
        let parts = code.join("\n");
        parts.split(';').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
    }

    /// The tables, in the order of the file.
    pub fn tables() -> Vec<String> {
        let name = |s: &String| {
            let rest = s.strip_prefix("CREATE TABLE IF NOT EXISTS ")?;
            rest.split([' ', '(']).next().map(str::to_owned)
        };
        Self::statements().iter().filter_map(name).collect()
    }

    pub(super) fn bar_columns(&self) -> Vec<&str> {
        let own = self.columns.iter().map(String::as_str);
        ROW_COLUMNS.into_iter().chain(BAR_COLUMNS).chain(own).collect()
    }
}

/// The column of an indicator: its name, or, where that is no plain CQL name or taken, one made from it.
fn column(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.len() <= 48;
    let key = ["symbol", "name", "day"];
    let taken = key.iter().chain(&ROW_COLUMNS).chain(&BAR_COLUMNS).any(|c| *c == name);
    if plain && !taken {
        return name.to_owned();
    }
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(28).collect();
    format!("x_{}_{hash:016x}", safe.to_ascii_lowercase())
}

/// `INSERT` of all columns with a write timestamp and a time to live.
pub(super) fn insert(table: &str, columns: &[&str]) -> String {
    let names = quoted(columns);
    let marks = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {table} ({names}) VALUES ({marks}) USING TIMESTAMP ? AND TTL ?")
}

/// Column names, quoted: an indicator may be called what CQL has reserved.
pub(super) fn quoted(columns: &[&str]) -> String {
    columns.iter().map(|c| format!("\"{c}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> String {
        let head = format!("CREATE TABLE IF NOT EXISTS {name} (");
        Schema::statements().into_iter().find(|s| s.starts_with(&head)).unwrap_or_else(|| panic!("{name}"))
    }

    fn has(table: &str, column: &str) -> bool {
        table.split([' ', ',', '(', ')', '\n']).any(|word| word == column)
    }

    #[test]
    fn the_columns_are_those_of_the_file() {
        let (windows, bars) = (table("windows"), table("bars"));
        for column in ROW_COLUMNS {
            assert!(has(&windows, column) && has(&bars, column), "{column}");
        }
        for column in BAR_COLUMNS {
            assert!(has(&bars, column) && !has(&windows, column), "{column}");
        }
        let columns = |t: &str| t.lines().skip(1).flat_map(|l| l.split(", ")).count();
        // Every column of `windows` but its key is bound: 3 more are symbol, name and day, 2 the key's own line.
        assert_eq!(
            columns(&windows),
            ROW_COLUMNS.len() + 3 + columns("\n    PRIMARY KEY ((symbol, name, day), w)") + 1
        );
    }

    #[test]
    fn every_statement_may_run_twice() {
        let all = Schema::statements();
        assert_eq!(all.len(), Schema::tables().len());
        assert!(all.len() >= 13, "{all:?}");
        assert!(
            all.iter().all(|s| s.starts_with("CREATE TABLE IF NOT EXISTS ") && s.ends_with(')')),
            "{all:?}"
        );
    }

    #[test]
    fn a_column_has_one_name_for_ever() {
        for plain in ["rsi_14", "obv", "macd_12_26_9_signal"] {
            assert_eq!(column(plain), plain);
        }
        let odd: Vec<_> =
            ["close", "RSI", "rsi", "9x", "a b", "a_b", "日", ""].into_iter().map(column).collect();
        let mut unique = odd.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), odd.len());
        assert!(odd.iter().all(|c| c.len() <= 48 && c.is_ascii()), "{odd:?}");
        assert_eq!(
            column("close"),
            "x_close_5b2fb8d1bd7e4c5d".replace("5b2fb8d1bd7e4c5d", &column("close")[8..])
        );
    }
}
