"""A Spark session on this machine with the connectors' jars, and what its JVM has cost so far."""

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession


def session(name: str, jars: str, cores: int = 2, memory: str = "1g", **settings: str) -> SparkSession:
    """`jars` is the directory that `prepare spark` fills. Nothing listens beyond loopback."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = (
        SparkSession.builder.appName(name)
        .master(f"local[{cores}]")
        .config("spark.driver.memory", memory)
        .config("spark.driver.extraClassPath", f"{jars}/*")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.streaming.numRecentProgressUpdates", "10000")
        .config("spark.sql.shuffle.partitions", str(2 * cores))
    )
    for key, value in settings.items():
        builder = builder.config(key.replace("__", "."), value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


class Cost:
    """CPU seconds and peak memory of the session's JVM, from /proc; start-up is part of both."""

    def __init__(self, spark: SparkSession) -> None:
        self._proc = Path("/proc") / str(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid())

    def cpu_seconds(self) -> float:
        # Behind the name, which may hold spaces: utime and stime are fields 14 and 15.
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_bytes(self) -> int:
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM: not Linux?")
