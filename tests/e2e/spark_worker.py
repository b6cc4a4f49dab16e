"""A Spark session behind a pipe: JSON requests on stdin, JSON answers on the descriptor given.

    spark_worker.py DESCRIPTOR ICEBERG_JAR SCRATCH_FOLDER

A process of its own, since one Python process can hold one JVM, and the tests need two versions of Iceberg.
"""
import json
import os
import sys
import traceback

import pyarrow as pa
from pyspark.sql import SparkSession


def start(jar, scratch):
    return (SparkSession.builder.master("local[2]").appName("judge")
            .config("spark.jars", jar)
            .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
            .config("spark.driver.memory", "2g")
            .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC -XX:+UseSerialGC")
            .config("spark.local.dir", scratch)
            .config("spark.sql.warehouse.dir", os.path.join(scratch, "spark-warehouse"))
            .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "2").config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.caseSensitive", "true")
            .config("spark.sql.codegen.wholeStage", "false")  # a plan is used once here: compiling it costs more
            .getOrCreate())


def catalog(spark, request):
    prefix = f"spark.sql.catalog.{request['name']}"
    spark.conf.set(prefix, "org.apache.iceberg.spark.SparkCatalog")
    spark.conf.set(f"{prefix}.type", "hadoop")
    spark.conf.set(f"{prefix}.warehouse", request["warehouse"])
    spark.conf.set(f"{prefix}.cache-enabled", "false")


def arrow(frame, path):
    """Rows to an Arrow file; values that Python's datetime cannot hold survive."""
    batches = frame._collect_as_arrow()
    if batches:
        table = pa.Table.from_batches(batches)
    else:
        table = None
    with pa.OSFile(path, "wb") as sink:
        if table is None:
            from pyspark.sql.pandas.types import to_arrow_schema
            table = to_arrow_schema(frame.schema).empty_table()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)


def equality_delete(spark, request):
    """Adds an equality delete file to a table, which no SQL of Spark does: rows of ints and texts by column name."""
    jvm = spark._jvm
    table = jvm.org.apache.iceberg.hadoop.HadoopTables(spark._jsc.hadoopConfiguration()).load(request["path"])
    schema = table.schema().select(request["columns"])
    ids = spark._sc._gateway.new_array(jvm.int, len(request["columns"]))
    for index, name in enumerate(request["columns"]):
        ids[index] = schema.findField(name).fieldId()
    factory = jvm.org.apache.iceberg.data.GenericAppenderFactory(table.schema(), table.spec(), ids, schema, None)
    location = f"{table.location()}/data/{jvm.java.util.UUID.randomUUID().toString()}-deletes.parquet"
    empty = jvm.org.apache.iceberg.encryption.EncryptionKeyMetadata.EMPTY
    out = jvm.org.apache.iceberg.encryption.EncryptedFiles.encryptedOutput(table.io().newOutputFile(location), empty)
    partition = None
    if request["partition"] is not None:
        partition = jvm.org.apache.iceberg.data.GenericRecord.create(table.spec().partitionType())
        partition.set(0, request["partition"])
    writer = factory.newEqDeleteWriter(out, jvm.org.apache.iceberg.FileFormat.PARQUET, partition)
    for row in request["rows"]:
        record = jvm.org.apache.iceberg.data.GenericRecord.create(schema)
        for name, value in zip(request["columns"], row):
            record.setField(name, value)
        writer.write(record)
    writer.close()
    table.newRowDelta().addDeletes(writer.toDeleteFile()).commit()


def add_column(spark, request):
    """Adds a column with a default value, which Spark 3.5 has no SQL for; nested as a.b."""
    jvm = spark._jvm
    table = jvm.org.apache.iceberg.hadoop.HadoopTables(spark._jsc.hadoopConfiguration()).load(request["path"])
    kind = jvm.org.apache.iceberg.types.Types.fromPrimitiveString(request["type"])
    default = jvm.org.apache.iceberg.expressions.Expressions.lit(request["default"])
    parent, _, name = request["name"].rpartition(".")
    update = table.updateSchema()
    update = update.addColumn(parent, name, kind, None, default) if parent else update.addColumn(name, kind, None, default)
    update.commit()


def answer(spark, request):
    action = request["action"]
    if action == "catalog":
        catalog(spark, request)
        return None
    if action == "arrow":
        frame = spark.sql(request["sql"]) if "sql" in request else spark.read.format("iceberg").load(request["path"])
        arrow(frame, request["file"])
        return {name: kind for name, kind in frame.dtypes}
    if action == "sql":
        return [[None if value is None else str(value) for value in row] for row in spark.sql(request["sql"]).collect()]
    if action == "equality_delete":
        return equality_delete(spark, request)
    if action == "add_column":
        return add_column(spark, request)
    raise ValueError(action)


def main():
    descriptor, jar, scratch = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    answers = os.fdopen(descriptor, "w", encoding="utf-8")
    spark = start(jar, scratch)
    spark.sparkContext.setLogLevel("ERROR")
    print(json.dumps({"ok": "ready"}), file=answers, flush=True)
    for line in sys.stdin:
        try:
            reply = {"ok": answer(spark, json.loads(line))}
        except Exception as error:  # whatever Spark says goes to the test that asked
            reply = {"error": str(error)[:4000], "trace": traceback.format_exc()[-4000:]}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
