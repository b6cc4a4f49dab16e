"""Tables that got Parquet files of others as they are (PyIceberg's add_files, Spark's procedure of that name): without field
ids, which schema.name-mapping.default gives, and without the columns that are in the partition only."""
import datetime
import decimal
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.transforms import IdentityTransform

import expected
from judges import assert_equal, read_pyiceberg
from test_maintain import maintain
from test_scan import Folder, canonical, expected_row, parse
from test_validate import valid

NAMESPACE = "bronze.s"


def rows_of(project, name, *arguments):
    floats = ("d",)
    return canonical(parse(project.run("scan", f"{NAMESPACE}.{name}", "--format", "jsonl", *arguments).expect().out, floats))


def rows_in(table):
    return canonical(expected_row(row, table.schema) for row in table.to_pylist())


# ------------------------------------------------------------------ PyIceberg

SCHEMA = pa.schema([
    pa.field("id", pa.int64()), pa.field("name", pa.string()), pa.field("price", pa.decimal128(12, 3)), pa.field("d", pa.float64()),
    pa.field("at", pa.timestamp("us", tz="UTC")), pa.field("on", pa.date32()), pa.field("raw", pa.binary()),
    pa.field("st", pa.struct([pa.field("a", pa.int32()), pa.field("b", pa.struct([pa.field("c", pa.string())]))])),
    pa.field("ls", pa.list_(pa.struct([pa.field("x", pa.int32())]))), pa.field("m", pa.map_(pa.string(), pa.int64())),
    pa.field("zone", pa.int32()),
])


def made_rows(first, count, zone):
    return pa.Table.from_pylist([{
        "id": number, "name": None if number % 7 == 0 else f"n{number}", "price": decimal.Decimal(number) / 8, "d": number / 3,
        "at": datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=number),
        "on": datetime.date(1969, 12, 1) + datetime.timedelta(days=number % 90), "raw": bytes([number % 256]),
        "st": None if number % 5 == 0 else {"a": number, "b": {"c": f"c{number}"}},
        "ls": [{"x": number}, None] if number % 3 else [], "m": [(f"k{number}", number)], "zone": zone,
    } for number in range(first, first + count)], schema=SCHEMA)


@pytest.fixture
def made(project):
    """A table of PyIceberg, with files that other programs have written: no field ids, columns in another order."""
    project.source("s", "nobody", "public")
    folder = project.warehouse / "bronze" / "s" / "t"
    outside = project.folder / "outside"
    outside.mkdir()
    made = Folder(folder, SCHEMA)
    table = made.table
    with table.update_spec() as update:
        update.add_field("zone", IdentityTransform(), "zone")
    paths = []
    for number in range(10):
        rows = made_rows(60 * number, 60, number % 2)
        path = str(outside / f"part-{number}.parquet")
        pq.write_table(rows.select([*reversed(SCHEMA.names)]) if number % 2 else rows, path, compression="snappy" if number < 3 else "gzip",
                       data_page_version="1.0" if number < 4 else "2.0", row_group_size=40)
        paths.append(f"file://{path}")
    for number in (0, 5):
        table.add_files(paths[number:number + 5])
    assert "schema.name-mapping.default" in table.metadata.properties
    assert all(field.metadata is None for field in pq.read_schema(paths[0].removeprefix("file://")))
    project.table = table
    return project


def assert_made(project, spark, *conditions):
    """firn reads what PyIceberg and Spark read."""
    judge = read_pyiceberg(project.lake, NAMESPACE, "t")
    rows = rows_of(project, "t")
    assert len(rows) == judge.num_rows > 0
    by_spark = spark.read(project.warehouse, NAMESPACE, "t")
    assert rows == rows_in(by_spark)
    assert [json.loads(row)["id"] for row in rows] == [json.loads(row)["id"] for row in rows_in(judge)]
    for condition in conditions:
        asked = spark.arrow(sql=f"SELECT * FROM {spark.table(project.warehouse, NAMESPACE, 't')} WHERE {condition}")
        assert 0 < asked.num_rows < judge.num_rows, condition
        assert rows_of(project, "t", "--where", condition) == rows_in(asked), condition
        assert int(project.run("scan", f"{NAMESPACE}.t", "--count", "--where", condition).expect().out) == asked.num_rows


CONDITIONS = ("id = 250", "id < 130 AND zone = 1", "zone = 0", "st.a > 420", "st.b.c = 'c17'", "price < 3.126")


def test_files_without_field_ids(made, spark_new):
    assert_made(made, spark_new, *CONDITIONS, "name IS NULL", "on < DATE '1969-12-10'", "at >= TIMESTAMP '2026-01-01 00:05:00Z'")
    with made.table.update_schema() as update:
        update.rename_column("name", "title")
        update.rename_column(("st", "a"), "z")
        update.rename_column("zone", "area")
    with made.table.update_schema() as update:
        update.add_column("extra", made.table.schema().find_type("id"))
        update.move_first("extra")
        update.delete_column("on")
    made.table.append(pa.table({"id": pa.array([1, 9000], pa.int64()), "extra": pa.array([5, 6], pa.int64()), "area": pa.array([1, 1], pa.int32())}))
    assert_made(made, spark_new, "title = 'n17'", "extra = 5", "area = 1 AND id < 130", "st.z > 420", "title IS NULL")


def test_files_without_field_ids_are_compacted(made, spark_new):
    before = rows_of(made, "t")

    result = maintain(made, "--only", "compact")

    assert result["rewritten_files"] == 10 and result["after"]["data_files"] == 2
    assert rows_of(made, "t") == before
    assert_made(made, spark_new, *CONDITIONS)
    # What the new files are: with ids, in firn's and the table's manner.
    for task in made.lake.static_table(NAMESPACE, "t").scan().plan_files():
        schema = pq.read_schema(task.file.file_path.removeprefix("file://").removeprefix("file:"))
        assert schema.field("id").metadata[b"PARQUET:field_id"] == b"1" and schema.names == SCHEMA.names


# ------------------------------------------------------------------ Spark

HIVE = """
CREATE TABLE t (id int, region text, day date, v text, n numeric(10,2), PRIMARY KEY (id, region));
INSERT INTO t SELECT g, (ARRAY['eu', 'a b/c=d', 'ü'])[1 + g % 3], date '2026-01-01' + g % 2, 'v' || g, g * 1.25 FROM generate_series(1, 300) g;
"""
ADDED = pa.schema([pa.field("id", pa.int32()), pa.field("v", pa.string()), pa.field("n", pa.decimal128(10, 2)), pa.field("region", pa.string()),
                   pa.field("day", pa.date32())])


@pytest.fixture(params=(2, 3))
def hive(request, project, new_database, spark_new):
    """A table that firn has loaded and Spark has added a Hive table's folders to; the source has the same rows."""
    project.database, project.connection = new_database(HIVE)
    project.source("s", project.database, "public", tables={"t": {"format_version": request.param, "partition_by": ["region", "day"]}})
    project.load("s")
    rows = [{"id": number, "v": f"added {number}", "n": decimal.Decimal(number) / 4, "region": ("eu", "a b/c=d", "new")[number % 3],
             "day": None if number % 4 == 3 else datetime.date(2026, 1, 1 + number % 4)} for number in range(1000, 1400)]
    root = project.folder / "hive"
    for part in range(2):
        pq.write_to_dataset(pa.Table.from_pylist(rows[200 * part:200 * part + 200], ADDED), str(root), partition_cols=["region", "day"],
                            basename_template=f"part-{part}-{{i}}.parquet")
    for path in root.rglob("*.parquet"):
        assert pq.ParquetFile(path).schema_arrow.names == ["id", "v", "n"]
    with project.connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t (id, v, n, region, day) VALUES (%s, %s, %s, %s, %s)", [tuple(row.values()) for row in rows])
    catalog = spark_new.catalog(project.warehouse)
    spark_new.sql(f"CALL {catalog}.system.add_files(table => '{NAMESPACE}.t', source_table => '`parquet`.`file://{root}`')")
    return project


def judged(project, spark):
    """Spark alone: PyIceberg refuses a required column that only the partition has."""
    want = expected.read(project.connection, "public", "t")
    assert_equal(want, spark.read(project.warehouse, NAMESPACE, "t"), "Spark")


def validated(project, code=0):
    document = valid(project.run("validate", "--source", "s", "--deep", "--format", "json").expect(code).json, "validate")
    return document["tables"][0]


def test_columns_that_only_the_partition_has(hive, spark_new):
    judged(hive, spark_new)
    for condition in ("region = 'a b/c=d'", "day IS NULL", "day = DATE '2026-01-03' AND id < 1200", "region = 'new' AND v = 'added 1001'"):
        count, = hive.connection.execute(f"SELECT count(*) FROM t WHERE {condition}").fetchone()
        assert count > 0 and hive.run("scan", f"{NAMESPACE}.t", "--count", "--where", condition).expect().out == f"{count}\n", condition
    assert len(rows_of(hive, "t")) == 700
    assert validated(hive)["state"] == "equal"


def test_what_was_added_is_compacted_deleted_and_repaired(hive, spark_new):
    table = spark_new.table(hive.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read')")
    for statement in ("DELETE FROM {} WHERE id % 10 = 3", "DELETE FROM {} WHERE day IS NULL AND id < 1100"):
        spark_new.sql(statement.format(table))
        hive.connection.execute(statement.format("t"))
    assert validated(hive)["state"] == "equal"
    hive.connection.execute("UPDATE t SET v = 'other' WHERE id % 10 = 4; DELETE FROM t WHERE id % 10 = 5")
    found = validated(hive, code=1)
    assert (found["different"], found["only_in_lake"], found["columns"]) == (70, 65, ["v"])

    repaired = valid(hive.run("validate", "--source", "s", "--repair", "--yes", "--format", "json").expect().json, "validate")

    assert repaired["tables"][0]["state"] == "repaired"
    judged(hive, spark_new)

    result = maintain(hive, "--delete-ratio", "1")

    assert result["rewritten_files"] > 0 and result["after"]["delete_files"] == 0
    judged(hive, spark_new)
    assert validated(hive)["state"] == "equal"
