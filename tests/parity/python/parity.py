"""`make parity`: Stockpipe and Spark compute the windows of one Kafka topic, and every final row must be the same.

The program under test is the `stockpipe` binary on Kafka, HDFS and Cassandra, used as a person would: `init`, `ingest` until
everything is committed, SIGTERM, `features` and `bars`. Spark reads the same topic and computes the same windows its own way
(`windows.py`), and reads the Parquet files on HDFS back. Then rules are broken on purpose, and the comparison must notice.

Ends with 1 and the differences where there are any.
"""

import argparse
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn

from pyspark.sql import SparkSession, functions as F

import compare
import dirty
import windows
from spark_session import session

PARTITIONS = 4
SECOND = 1_000_000
RULES = {
    "watermark_us": 5 * SECOND,
    "max_future_us": 10 * SECOND,
    # The longest window and the watermark: so far back are copies known.
    "horizon_us": 65 * SECOND,
    "windows": [
        ["sma_5", 15 * SECOND, 5 * SECOND],
        ["sma_20", 60 * SECOND, 15 * SECOND],
        ["5s", 5 * SECOND, 5 * SECOND],
        ["1m", 60 * SECOND, 60 * SECOND],
    ],
}
INGEST_DEADLINE_SECONDS = 600
# Differences that are printed before the rest is only counted.
SHOWN = 20


def fail(why: str) -> NoReturn:
    sys.exit(f"parity: {why}")


class Pipeline:
    """The program under test, and the manifest that it and Spark share the meaning of."""

    def __init__(self, binary: Path, bootstrap: str, hdfs: str, cassandra: str, home: Path) -> None:
        self.name = f"parity{int(time.time()):x}p{os.getpid():x}"
        self.topic, self.root = f"{self.name}.ticks-in", f"/{self.name}"
        self.bootstrap, self.hdfs = bootstrap, hdfs
        self._binary, self._home, self._manifest = binary, home, home / "pipeline.yaml"
        spec = {
            "source": {"kafka": {"bootstrapServers": bootstrap, "topic": {"name": self.topic, "partitions": PARTITIONS}}},
            "lake": {"hdfs": {"uri": hdfs}, "root": self.root},
            "featureStore": {"cassandra": {"contactPoints": [cassandra], "keyspace": self.name}},
            "predictor": {"enabled": False},
            "deletionPolicy": "Delete",
        }
        document = {
            "apiVersion": "stockpipe.dev/v1alpha1",
            "kind": "StockPipeline",
            "metadata": {"name": self.name},
            "spec": spec,
        }
        # JSON is YAML.
        self._manifest.write_text(json.dumps(document, indent=1))

    def command(self, what: str, *more: str) -> list[str]:
        return [str(self._binary), what, "-f", str(self._manifest), "--no-env", *more]

    def run(self, what: str, *more: str) -> str:
        done = subprocess.run(self.command(what, *more), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fail(f"`stockpipe {what}` ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def uncommitted(self) -> int | None:
        """Records that no commit holds yet; absent while a partition has no owner."""
        partitions = json.loads(self.run("status", "-o", "json"))["partitions"]
        left = [p["uncommitted"] for p in partitions]
        return sum(left) if len(left) == PARTITIONS and None not in left else None

    def ingest(self) -> None:
        """Until every record is committed, then as at the end of a pod's life."""
        log = self._home / "ingest.log"
        with log.open("w") as sink:
            roll = ["--set", "lake.roll.age=2s"]
            worker = subprocess.Popen(self.command("ingest", *roll), stdout=sink, stderr=sink)
        deadline, seen = time.monotonic() + INGEST_DEADLINE_SECONDS, None
        try:
            while (seen := self.uncommitted()) != 0:
                if worker.poll() is not None or time.monotonic() > deadline:
                    fail(f"ingest: {seen} records uncommitted, process {worker.poll()}:\n{log.read_text()[-4000:]}")
                time.sleep(1)
            worker.send_signal(signal.SIGTERM)
            code = worker.wait(60)
        finally:
            worker.kill()
        if code not in (0, 143):
            fail(f"ingest ended with {code} on SIGTERM:\n{log.read_text()[-4000:]}")

    def rows(self) -> dict[compare.Key, dict]:
        """Final windows and bars as the commands print them."""
        found = []
        for what in ("features", "bars"):
            for row in csv.DictReader(io.StringIO(self.run(what, "-o", "csv"))):
                if row["final"] == "true":
                    found.append(typed(row))
        return compare.table(found)


def micros(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)


def typed(row: dict[str, str]) -> dict:
    values = {name: float(row[name]) if row[name] else None for name in compare.VALUES if name in row}
    return {
        **values,
        "symbol": row["symbol"],
        "name": row["name"],
        "start_us": micros(row["window_start"]),
        "end_us": micros(row["window_end"]),
        "n": int(row["n"]),
    }


def fill(spark: SparkSession, pipeline: Pipeline, count: int, home: Path) -> None:
    """Into the topic, in the order of the list: one file, one task, an idempotent producer."""
    path = home / "records.json"
    with path.open("w") as out:
        for key, value in dirty.records(count):
            out.write(json.dumps({"key": key, "value": value}) + "\n")
    rows = spark.read.schema("key string, value string").json(f"file://{path}")
    if rows.rdd.getNumPartitions() != 1:
        fail("Spark splits the file of records: order would be lost")
    target = rows.write.format("kafka").option("kafka.bootstrap.servers", pipeline.bootstrap)
    target.option("topic", pipeline.topic).save()


def by_spark(ticks, variant: str) -> dict[compare.Key, dict]:
    return compare.table(r.asDict() for r in windows.windows(ticks, RULES, variant).toLocalIterator())


def parquet_problems(spark: SparkSession, pipeline: Pipeline, ticks, records: int) -> list[str]:
    """What Spark reads of the lake against what it reads of the topic."""
    raw = spark.read.parquet(f"{pipeline.hdfs}{pipeline.root}/raw/ticks")
    dead = spark.read.parquet(f"{pipeline.hdfs}{pipeline.root}/dead-letters")
    types = dict(raw.dtypes)
    want = ticks.agg(F.count("*"), F.sum("close"), F.sum("volume"), F.sum("us")).first()
    have = raw.agg(F.count("*"), F.sum("close"), F.sum("volume"), F.sum(F.unix_micros("ts"))).first()
    places = raw.select("generation", "kafka_partition", "kafka_offset").distinct().count()
    found = []
    if types["ts"] != "timestamp" or types["volume"] != "double" or types["symbol"] != "string":
        found.append(f"types of raw ticks: {types}")
    if (have[0], have[3]) != (want[0], want[3]) or not (compare.near(have[1], want[1]) and compare.near(have[2], want[2])):
        found.append(f"raw ticks: {tuple(have)} in Parquet, {tuple(want)} in the topic")
    if places != have[0]:
        found.append(f"{have[0]} raw rows, {places} distinct places in the log")
    if have[0] + dead.count() != records:
        found.append(f"{have[0]} raw rows and {dead.count()} dead letters of {records} records")
    print(f"Parquet on HDFS read by Spark: {have[0]} raw rows, {dead.count()} dead letters of {records} records")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stockpipe", required=True, type=Path, help="the binary")
    parser.add_argument("--jars", required=True)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--hdfs", required=True)
    parser.add_argument("--cassandra", required=True)
    parser.add_argument("--records", type=int, default=200_000)
    args = parser.parse_args()
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="stockpipe-parity-") as temporary:
        home = Path(temporary)
        pipeline = Pipeline(args.stockpipe, args.kafka, args.hdfs, args.cassandra, home)
        one_file = {"spark__sql__files__minPartitionNum": "1", "spark__sql__files__maxPartitionBytes": "1g"}
        spark = session("stockpipe-parity", args.jars, memory="2g", **one_file)
        say(f"pipeline {pipeline.name}: init")
        pipeline.run("init")
        fill(spark, pipeline, args.records, home)
        say(f"{args.records} records, some of them dirty, in {PARTITIONS} partitions; stockpipe ingests")
        pipeline.ingest()
        ours = pipeline.rows()
        say(f"{len(ours)} final rows of Stockpipe; Spark computes")
        records = windows.records(spark, args.kafka, pipeline.topic).cache()
        ticks = windows.accepted(records, RULES, "right").cache()
        theirs = by_spark(ticks, "right")
        say(f"{len(theirs)} final rows of Spark")
        problems = compare.differences(ours, theirs)
        problems += parquet_problems(spark, pipeline, ticks, args.records)
        if not problems and len(ours) < 100:
            problems = [f"only {len(ours)} rows were compared"]
        if not problems:
            problems = [f"the comparison does not notice: {what}" for what in compare.blind_spots(ours, theirs)]
            for variant in windows.VARIANTS[1:]:
                found = len(compare.differences(ours, by_spark(windows.accepted(records, RULES, variant), variant)))
                say(f"rule broken on purpose: {variant}: {found} differences")
                if not found:
                    problems.append(f"the comparison does not notice the variant {variant}")
        spark.stop()
        if not problems:
            pipeline.run("destroy", "--yes")
        for problem in problems[:SHOWN]:
            print(problem)
        if problems:
            fail(f"{len(problems)} problems; topic {pipeline.topic}, keyspace {pipeline.name} and {pipeline.root} are kept")
        say(f"parity: {len(ours)} final rows are equal to {compare.TOLERANCE:g} relative")


if __name__ == "__main__":
    main()
