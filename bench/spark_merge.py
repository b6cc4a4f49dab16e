"""The usual PySpark job: a topic of Debezium's events → Structured Streaming → the latest of each key → MERGE INTO an Iceberg table, merge-on-read.

    spark_merge.py BROKER TOPIC WAREHOUSE MESSAGES_A_BATCH SECONDS JARS     SECONDS 0: to the end; else so long, and five batches at least

The table is bench.changes of bench/follow-kafka. Prints what was done, and in which time after the session's start.
"""
import json
import sys
import tempfile
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

ROW = "struct<id:bigint,customer:int,status:string,amount:string,note:string,updated_at:string>"
EVENT = f"struct<before:{ROW},after:{ROW},op:string>"
TABLE = "lake.bench.changes"


def session(warehouse, jars, scratch):
    return (SparkSession.builder.master("local[2]").config("spark.jars", jars).config("spark.driver.memory", "6g").config("spark.ui.enabled", "false")
            .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC").config("spark.local.dir", scratch)
            .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
            .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog").config("spark.sql.catalog.lake.type", "hadoop")
            .config("spark.sql.catalog.lake.warehouse", f"file://{warehouse}")
            .config("spark.sql.shuffle.partitions", "4").config("spark.sql.session.timeZone", "UTC").getOrCreate())


def merge(frame, _number):
    events = frame.where("value IS NOT NULL").select("offset", F.from_json(F.col("value").cast("string"), EVENT).alias("v"))
    rows = events.select("offset", F.coalesce("v.after.id", "v.before.id").alias("id"), "v.op", "v.after.customer", "v.after.status",
                         F.col("v.after.amount").cast("decimal(12,2)").alias("amount"), "v.after.note", F.col("v.after.updated_at").cast("timestamp").alias("updated_at"))
    last = rows.withColumn("place", F.row_number().over(Window.partitionBy("id").orderBy(F.col("offset").desc()))).where("place = 1")
    last.createOrReplaceTempView("changed")
    last.sparkSession.sql(f"""MERGE INTO {TABLE} t USING (SELECT * FROM changed) s ON t.id = s.id
        WHEN MATCHED AND s.op = 'd' THEN DELETE
        WHEN MATCHED THEN UPDATE SET customer = s.customer, status = s.status, amount = s.amount, note = s.note, updated_at = s.updated_at
        WHEN NOT MATCHED AND s.op <> 'd' THEN INSERT (id, customer, status, amount, note, updated_at) VALUES (s.id, s.customer, s.status, s.amount, s.note, s.updated_at)""")


def main():
    broker, topic, warehouse, batch, seconds, jars = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        spark = session(warehouse, jars, scratch)
        spark.sparkContext.setLogLevel("ERROR")
        spark.sql(f"ALTER TABLE {TABLE} SET TBLPROPERTIES ('write.merge.mode'='merge-on-read', 'write.update.mode'='merge-on-read', 'write.delete.mode'='merge-on-read')")
        source = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", broker).option("subscribe", topic)
                  .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", batch).load())
        began = time.monotonic()
        query = source.writeStream.foreachBatch(merge).option("checkpointLocation", f"{scratch}/state").trigger(availableNow=True).start()
        while query.isActive and (seconds == "0" or time.monotonic() - began < float(seconds) or len(query.recentProgress) < 5):
            query.awaitTermination(0.5)
        is_all, wall = not query.isActive, time.monotonic() - began
        if is_all and query.exception():
            sys.exit(str(query.exception())[:3000])
        progress = query.recentProgress
        if not is_all:  # the batch at work does not count
            wall = sum(step["durationMs"]["triggerExecution"] for step in progress) / 1000
        query.stop()
        print(json.dumps({"all": is_all, "batches": len(progress), "records": sum(step["numInputRows"] for step in progress), "wall_s": wall}))
        spark.stop()


if __name__ == "__main__":
    main()
