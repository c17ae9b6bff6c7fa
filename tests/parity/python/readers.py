"""What pyarrow and DuckDB see in a directory of raw ticks: rows, types, sums, and how many row groups a filter touches.

Judges nothing: prints one JSON object, {reader: {...}}, that the caller compares with what it wrote. The row groups that
pyarrow touches are those whose statistics do not rule the filter out; DuckDB tells them in its profile.
"""

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.dataset as ds


def instant(micros: int) -> datetime:
    """Exact: a float of seconds would not be."""
    return datetime.fromtimestamp(micros // 1_000_000, timezone.utc).replace(microsecond=micros % 1_000_000)


def with_pyarrow(root: Path, symbol: str, begin: datetime, end: datetime) -> dict:
    table = ds.dataset(root, format="parquet", partitioning="hive")
    whole = table.to_table(columns=["close", "volume", "symbol"])
    filters = {
        "symbol": pc.field("symbol") == symbol,
        "ts": (pc.field("ts") >= begin) & (pc.field("ts") < end),
        "both": (pc.field("symbol") == symbol) & (pc.field("ts") >= begin) & (pc.field("ts") < end),
    }
    fragments = list(table.get_fragments())

    def touched(condition: pc.Expression) -> int:
        groups = 0
        for fragment in fragments:
            groups += len(fragment.split_by_row_group(condition, schema=table.schema))
        return groups

    return {
        "rows": whole.num_rows,
        "close": pc.sum(whole["close"]).as_py(),
        "volume": pc.sum(whole["volume"]).as_py(),
        "symbols": pc.count_distinct(whole["symbol"]).as_py(),
        "types": {field.name: str(field.type) for field in table.schema},
        "row_groups": sum(fragment.num_row_groups for fragment in fragments),
        "filters": {
            name: {"rows": table.count_rows(filter=condition), "row_groups": touched(condition)}
            for name, condition in filters.items()
        },
    }


def with_duckdb(root: Path, symbol: str, begin: datetime, end: datetime) -> dict:
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    files = f"read_parquet('{root}/**/*.parquet', hive_partitioning = true)"
    rows, close, volume, symbols = db.execute(
        f"SELECT count(*), sum(close), sum(volume), count(DISTINCT symbol) FROM {files}"
    ).fetchone()
    types = {name: kind for name, kind, *_ in db.execute(f"DESCRIBE SELECT * FROM {files}").fetchall()}
    # Written out, so that they are constants when the files are chosen.
    between = f"ts >= TIMESTAMPTZ '{begin.isoformat()}' AND ts < TIMESTAMPTZ '{end.isoformat()}'"
    filters = {"symbol": f"symbol = '{symbol}'", "ts": between, "both": f"symbol = '{symbol}' AND {between}"}

    def answer(condition: str) -> dict:
        query = f"SELECT count(*), sum(close) FROM {files} WHERE {condition}"
        profile = json.loads(db.execute(f"EXPLAIN (ANALYZE, FORMAT json) {query}").fetchone()[1])["query"]
        return {"rows": db.execute(query).fetchone()[0], "row_groups": profile["total_row_groups_scanned"]}

    groups = db.execute(
        f"SELECT count(*) FROM (SELECT DISTINCT file_name, row_group_id FROM parquet_metadata('{root}/**/*.parquet'))"
    ).fetchone()[0]
    return {
        "rows": rows,
        "close": close,
        "volume": volume,
        "symbols": symbols,
        "types": types,
        "row_groups": groups,
        "filters": {name: answer(condition) for name, condition in filters.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--symbol", required=True)
    parser.add_argument("--begin-us", type=int, required=True)
    parser.add_argument("--end-us", type=int, required=True)
    args = parser.parse_args()
    question = (args.root, args.symbol, instant(args.begin_us), instant(args.end_us))
    print(json.dumps({"pyarrow": with_pyarrow(*question), "duckdb": with_duckdb(*question)}))


if __name__ == "__main__":
    main()
