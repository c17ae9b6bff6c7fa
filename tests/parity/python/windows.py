"""The windows and bars of a topic, computed by Spark SQL from the raw records: what Stockpipe is compared with.

A batch job over the whole topic, in terms of sets and running maxima; it shares no code and no approach with the program.
The rules are those of the manual:

  * a record is a tick if it parses, has a symbol, five finite prices in order and a volume, and is not further ahead of
    its record time than `max_future`;
  * a tick with the same (symbol, id), or without an id with the same symbol, time and values, as an earlier one is a copy,
    if its time is no more than `horizon` behind the newest;
  * the watermark before a record is the greatest time of the ticks before it in its partition, minus `watermark`;
  * a tick counts in the windows that contain it and whose end is after that watermark;
  * a window is final once the partition's last watermark reaches its end.

A *variant* leaves a rule out on purpose, so that the comparison can be seen to notice:
`right`, `no-lateness`, `no-copies` (copies count), `no-order` (prices out of order count).
"""

from pyspark.sql import Column, DataFrame, Window, functions as F

VARIANTS = ("right", "no-lateness", "no-copies", "no-order")
SCHEMA = "symbol string, ts string, open double, high double, low double, close double, volume double, id string"


def records(spark, bootstrap: str, topic: str) -> DataFrame:
    """Every record as (part, off, record_us) and the fields of its JSON, null where it has none."""
    raw = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("endingOffsets", "latest")
        .option("failOnDataLoss", "true")
        .load()
    )
    options = {"allowNonNumericNumbers": "true"}
    return raw.select(
        F.col("partition").alias("part"),
        F.col("offset").alias("off"),
        F.unix_micros("timestamp").alias("record_us"),
        F.from_json(F.col("value").cast("string"), SCHEMA, options).alias("t"),
    ).select("part", "off", "record_us", "t.*", F.unix_micros(F.col("t.ts").cast("timestamp")).alias("us"))


def accepted(rows: DataFrame, rules: dict, variant: str) -> DataFrame:
    """The ticks that count for something, copies removed. `rules` as in `parity.py`, times in microseconds."""
    prices = ["open", "high", "low", "close"]
    ok = F.col("symbol").isNotNull() & F.col("us").isNotNull() & F.col("volume").isNotNull()
    for name in prices + ["volume"]:
        value = F.col(name)
        ok = ok & value.isNotNull() & ~F.isnan(value) & (F.abs(value) < float("inf"))
    for name in prices:
        ok = ok & (F.col(name) > 0)
    ok = ok & (F.col("volume") >= 0)
    if variant != "no-order":
        ok = ok & (F.col("low") <= F.least("open", "close")) & (F.greatest("open", "close") <= F.col("high"))
    ok = ok & (F.col("us") <= F.col("record_us") + rules["max_future_us"])
    ticks = rows.where(ok)
    if variant == "no-copies":
        return ticks
    # Ids first: what their copies say of time counts for nothing. In the data compared they repeat soon.
    by_id = Window.partitionBy("part", "symbol", "id").orderBy("off")
    ticks = ticks.withColumn("nth", F.row_number().over(by_id)).where("id is null or nth = 1")
    payload = F.to_json(F.struct("us", *prices, "volume", "id"))
    same = Window.partitionBy("part", "symbol", payload).orderBy("off")
    before = Window.partitionBy("part").orderBy("off").rowsBetween(Window.unboundedPreceding, -1)
    remembered = F.col("us") >= F.col("max_before") - rules["horizon_us"]
    ticks = ticks.withColumn("max_before", F.max("us").over(before)).withColumn("nth", F.row_number().over(same))
    return ticks.where((F.col("nth") == 1) | ~remembered).drop("nth", "max_before")


def windows(ticks: DataFrame, rules: dict, variant: str) -> DataFrame:
    """Final windows of all sizes."""
    in_order = Window.partitionBy("part").orderBy("off")
    before = in_order.rowsBetween(Window.unboundedPreceding, -1)
    everything = Window.partitionBy("part")
    ticks = (
        ticks.withColumn("w_before", F.max("us").over(before) - rules["watermark_us"])
        .withColumn("w_last", F.max("us").over(everything) - rules["watermark_us"])
    )
    spans: list[Column] = []
    for name, size, slide in rules["windows"]:
        for back in range(size // slide):
            start = (F.floor(F.col("us") / slide) * slide - back * slide).cast("long")
            spans.append(F.struct(F.lit(name).alias("name"), start.alias("start_us"), (start + size).alias("end_us")))
    counted = ticks.select("*", F.explode(F.array(*spans)).alias("w")).select("*", "w.*").drop("w")
    if variant != "no-lateness":
        counted = counted.where("w_before is null or end_us > w_before")
    order = F.struct("us", "off")
    typical = (F.col("high") + F.col("low") + F.col("close")) / 3
    return (
        counted.where("end_us <= w_last")
        .groupBy("symbol", "name", "start_us", "end_us")
        .agg(
            F.count("*").alias("n"),
            F.sum("close").alias("sum_close"),
            F.avg("close").alias("sma"),
            F.min_by("open", order).alias("open"),
            F.max("high").alias("high"),
            F.min("low").alias("low"),
            F.max_by("close", order).alias("close"),
            F.sum("volume").alias("volume"),
            F.when(F.sum("volume") > 0, F.sum(typical * F.col("volume")) / F.sum("volume")).alias("vwap"),
        )
    )
