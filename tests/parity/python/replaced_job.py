"""The shape of the Spark job that Stockpipe replaces, for a comparison of cost on one machine.

Six streaming queries on one session, as it was deployed: raw ticks to Parquet by symbol and date; the two moving averages to
Parquet, event-time windows with a watermark of 5 s; the same two averages to the console; and a driver in `foreachBatch` that
reads the averages' Parquet back, joins them, drops duplicates and appends to Cassandra. Each source query reads and parses
the topic for itself. No limit of offsets a trigger: the preloaded topic is one big batch, the kindest case for Spark.

Prints one JSON line: ticks, wall and CPU seconds of the JVM (start-up included), its peak memory, feature rows written.
"""

import argparse
import json
import os
import sys
import time

from pyspark.sql import DataFrame, SparkSession, functions as F
from pyspark.sql.streaming import StreamingQuery

from spark_session import Cost, session

SCHEMA = "symbol string, ts string, open double, high double, low double, close double, volume int"
# Name, size, slide, as in the job's environment.
AVERAGES = (("sma_5", "15 seconds", "5 seconds"), ("sma_20", "60 seconds", "15 seconds"))


class Job:
    def __init__(self, spark: SparkSession, args: argparse.Namespace) -> None:
        self.spark, self.args = spark, args
        self.root = args.root.rstrip("/")
        self.rows_written = 0

    def ticks(self) -> DataFrame:
        source = (
            self.spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self.args.bootstrap)
            .option("subscribe", self.args.topic)
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "false")
            .load()
        )
        parsed = source.select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("t")).select("t.*")
        return parsed.withColumn("ts", F.to_timestamp("ts"))

    def average(self, name: str, size: str, slide: str) -> DataFrame:
        return (
            self.ticks()
            .withWatermark("ts", "5 seconds")
            .groupBy(F.window("ts", size, slide), "symbol")
            .agg(F.avg("close").alias(name))
            .select("symbol", F.col("window.start").alias("start"), F.col("window.end").alias("end"), name)
        )

    def parquet(self, table: DataFrame, name: str, *by: str) -> StreamingQuery:
        writer = table.writeStream.format("parquet").outputMode("append").queryName(name)
        writer = writer.option("path", f"{self.root}/{name}").option("checkpointLocation", f"{self.root}/ck/{name}")
        return writer.partitionBy(*by).trigger(processingTime="5 seconds").start()

    def console(self, table: DataFrame, name: str) -> StreamingQuery:
        writer = table.writeStream.format("console").outputMode("update").queryName(f"console_{name}")
        writer = writer.option("numRows", 5).option("checkpointLocation", f"{self.root}/ck/console_{name}")
        return writer.trigger(processingTime="5 seconds").start()

    def drive(self, _batch: DataFrame, _number: int) -> None:
        """The batch itself is not looked at: what has appeared in the averages' directories is."""
        try:
            five = self.spark.read.parquet(f"{self.root}/sma_5")
            twenty = self.spark.read.parquet(f"{self.root}/sma_20")
        except Exception:  # nothing there yet
            return
        if five.limit(1).count() == 0 or twenty.limit(1).count() == 0:
            return
        a, b = five.alias("a"), twenty.alias("b")
        near = (F.col("b.start") >= F.col("a.start")) & (
            F.col("b.start") < F.col("a.start") + F.expr("interval 15 seconds")
        )
        joined = a.join(b, (F.col("a.symbol") == F.col("b.symbol")) & near).select(
            F.col("a.symbol").alias("symbol"),
            F.col("a.end").alias("ts"),
            F.col("a.start").alias("bucket_start"),
            F.col("a.end").alias("bucket_end"),
            "sma_5",
            "sma_20",
        )
        rows = joined.dropDuplicates(["symbol", "bucket_start"])
        if rows.count() == 0:
            return
        rows.count()
        (
            rows.write.format("org.apache.spark.sql.cassandra")
            .options(keyspace=self.args.keyspace, table="features")
            .mode("append")
            .save()
        )
        self.rows_written = rows.count()
        rows.agg(F.max("bucket_end")).collect()

    def start(self) -> list[StreamingQuery]:
        raw = self.ticks().withColumn("date", F.to_date("ts"))
        queries = [self.parquet(raw, "raw", "symbol", "date")]
        queries += [self.parquet(self.average(*a), a[0], "symbol") for a in AVERAGES]
        queries += [self.console(self.average(*a), a[0]) for a in AVERAGES]
        driver = self.ticks().writeStream.foreachBatch(self.drive).queryName("driver")
        driver = driver.option("checkpointLocation", f"{self.root}/ck/driver")
        return queries + [driver.trigger(processingTime="20 seconds").start()]

    def one_more(self) -> None:
        """The driver runs only when ticks arrive: one more a symbol lets it see what the others have written."""
        newest = self.spark.read.parquet(f"{self.root}/raw").groupBy("symbol").agg(F.max("ts").alias("ts"))
        price = F.lit(100.0)
        later = F.date_format(F.col("ts") + F.expr("interval 1 second"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
        tick = F.struct(
            "symbol", later.alias("ts"), *[price.alias(p) for p in ("open", "high", "low", "close")],
            F.lit(1).alias("volume"),
        )
        records = newest.select(F.col("symbol").alias("key"), F.to_json(tick).alias("value"))
        target = records.write.format("kafka").option("kafka.bootstrap.servers", self.args.bootstrap)
        target.option("topic", self.args.topic).save()


def make_table(spark: SparkSession, keyspace: str) -> None:
    """The table that the job appends to."""
    spark.sql(
        f"CREATE DATABASE IF NOT EXISTS cassandra.{keyspace} "
        "WITH DBPROPERTIES (class = 'SimpleStrategy', replication_factor = '1')"
    )
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS cassandra.{keyspace}.features (symbol string, ts timestamp, "
        "bucket_start timestamp, bucket_end timestamp, sma_5 double, sma_20 double) "
        "USING cassandra PARTITIONED BY (symbol) TBLPROPERTIES (clustering_key = 'ts.asc')"
    )


def wait(queries: list[StreamingQuery]) -> None:
    for query in queries:
        query.processAllAvailable()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("jars", "bootstrap", "topic", "root", "cassandra", "keyspace"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--ticks", type=int, required=True)
    args = parser.parse_args()
    host, _, port = args.cassandra.partition(":")
    # The console queries print to our standard output, which is for the result.
    result = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    begun = time.monotonic()
    spark = session(
        "replaced-job",
        args.jars,
        spark__sql__catalog__cassandra="com.datastax.spark.connector.datasource.CassandraCatalog",
        spark__cassandra__connection__host=host,
        spark__cassandra__connection__port=port,
        spark__hadoop__fs__defaultFS="/".join(args.root.split("/")[:3]),
    )
    make_table(spark, args.keyspace)
    cost, job = Cost(spark), Job(spark, args)
    started = time.monotonic()
    queries = job.start()
    wait(queries)
    read = time.monotonic()
    job.one_more()
    wait(queries)
    progress = {q.name: sum(p["numInputRows"] for p in q.recentProgress) for q in queries}
    measured = {
        "ticks": args.ticks,
        "jvm_cpu_seconds": cost.cpu_seconds(),
        "jvm_peak_rss_bytes": cost.peak_rss_bytes(),
        "start_seconds": started - begun,
        "read_seconds": read - started,
        "seconds": time.monotonic() - started,
        "feature_rows": job.rows_written,
        "read_by_query": progress,
    }
    os.write(result, (json.dumps(measured) + "\n").encode())
    for query in queries:
        query.stop()
    spark.stop()


if __name__ == "__main__":
    sys.exit(main())
