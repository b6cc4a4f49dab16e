"""firn scan: rows of tables that others wrote, with Spark as the judge of each, and what is printed."""
import datetime
import decimal
import json
import math
import re
import struct
import subprocess

import pyarrow as pa
import pytest
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.io import load_file_io
from pyiceberg.io.pyarrow import _ConvertToIcebergWithoutIDs, visit_pyarrow
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import assign_fresh_schema_ids
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import update_table_metadata

from firn import BINARY, Project
from servers.process import scratch_folder

NAMESPACE = "made.by"


class NoServer:
    host = port = password = ""


@pytest.fixture(scope="module")
def lake():
    """A warehouse without any source."""
    project = Project(scratch_folder("scan"), NoServer())
    project.secrets = set()
    return project


@pytest.fixture(scope="module", params=["old-1", "new-2", "new-3"])
def writer(request, lake):
    """A Spark and the format version that it writes: run("CREATE TABLE {t} …")."""
    session, version = request.param.split("-")
    return Writer(request.getfixturevalue(f"spark_{session}"), lake, int(version), request.param.replace("-", "_"))


class Writer:
    def __init__(self, spark, lake, version, prefix):
        self.spark, self.lake, self.version, self.prefix = spark, lake, version, prefix

    def name(self, table):
        return f"{self.prefix}_{table}"

    def run(self, table, *statements):
        for statement in statements:
            self.spark.sql(statement.replace("{t}", self.spark.table(self.lake.warehouse, NAMESPACE, self.name(table))))

    def create(self, table, columns, partitioned="", **properties):
        properties = {"format-version": self.version, **properties}
        if self.version > 1:
            for action in ("delete", "update", "merge"):
                properties.setdefault(f"write.{action}.mode", "merge-on-read")
        listed = ", ".join(f"'{key.replace('_', '-')}'='{value}'" for key, value in properties.items())
        self.run(table, f"CREATE TABLE {{t}} ({columns}) USING iceberg {partitioned} TBLPROPERTIES ({listed})")

    def rows(self, table, tail=""):
        text = f"SELECT * FROM {self.spark.table(self.lake.warehouse, NAMESPACE, self.name(table))} {tail}"
        return canonical([expected_row(row, found.schema) for found in [self.spark.arrow(sql=text)]
                          for row in found.to_pylist()])

    def scan(self, table, *arguments):
        return scan(self.lake, f"{NAMESPACE}.{self.name(table)}", *arguments)

    def same(self, table, *conditions):
        """All rows, and those of each condition, are what Spark reads. One query: it says of each row what it matches."""
        asked = "".join(f", ({condition}) IS TRUE AS is_{index}" for index, condition in enumerate(conditions))
        found = self.spark.arrow(sql=f"SELECT *{asked} FROM {self.spark.table(self.lake.warehouse, NAMESPACE, self.name(table))}")
        columns = pa.schema([field for field in found.schema if not field.name.startswith("is_")])
        rows = found.to_pylist()
        assert self.scan(table) == canonical(expected_row(row, columns) for row in rows)
        assert self.count(table) == len(rows)
        for index, condition in enumerate(conditions):
            wanted = canonical(expected_row(row, columns) for row in rows if row[f"is_{index}"])
            assert self.scan(table, "--where", condition) == wanted, condition
            assert self.count(table, "--where", condition) == len(wanted), condition

    def count(self, table, *arguments):
        return int(self.lake.run("scan", f"{NAMESPACE}.{self.name(table)}", "--count", *arguments).expect().out)


def expected_value(value, kind):
    """A value of Arrow as firn's JSON has it."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: expected_value(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind):
        return [expected_value(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        pairs = [(expected_value(key, kind.key_type), expected_value(item, kind.item_type)) for key, item in value]
        return dict(pairs) if pa.types.is_string(kind.key_type) else [{"key": key, "value": item} for key, item in pairs]
    if pa.types.is_floating(kind):
        if math.isnan(value) or math.isinf(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return struct.unpack("f", struct.pack("f", value))[0] if kind == pa.float32() else value
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f") + ("Z" if kind.tz else "")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value


def expected_row(row, schema):
    return {field.name: expected_value(row[field.name], field.type) for field in schema}


def canonical(rows):
    """In one order, and with what distinguishes 1.0 from 1.00 and 1."""
    return sorted(json.dumps(row, default=lambda value: f"decimal {value}", sort_keys=True) for row in rows)


def parse(text, floats=()):
    """JSON lines; numbers with a point are decimals but in the columns named."""
    def number(token):
        return decimal.Decimal(token)
    def floating(name, value):
        if isinstance(value, dict):
            return {key: floating(key, item) for key, item in value.items()}
        if name not in floats or not isinstance(value, (decimal.Decimal, int)):
            return value
        return struct.unpack("f", struct.pack("f", float(value)))[0] if name in SINGLES else float(value)
    return [floating(None, json.loads(line, parse_float=number)) for line in text.splitlines()]


FLOATS = ("f", "d", "c", "sf")
SINGLES = ("sf",)
DECIMALS = ("dec", "wide", "price")


def scan(lake, table, *arguments):
    rows = parse(lake.run("scan", table, "--format", "jsonl", *arguments).expect().out, FLOATS)
    for row in rows:
        for name in DECIMALS:
            if isinstance(row.get(name), int):
                row[name] = decimal.Decimal(row[name])
    return canonical(rows)


# ---- tables that Spark wrote ----

def test_all_types_and_nested_ones(writer):
    if writer.prefix == "new_2":
        pytest.skip("as version 3, which is tried")
    writer.create("types", """
        b boolean, i int, l bigint, sf float, d double, dec decimal(9,2), wide decimal(38,10), da date, ts timestamp,
        tn timestamp_ntz, s string, bin binary, st struct<a:int,b:struct<c:string>>, li array<struct<x:int>>,
        m map<string,int>, mi map<int,string>""")
    writer.run("types", """INSERT INTO {t} VALUES
        (true, 1, 9223372036854775807, float(0.1), 0.1, 12.50, 1234567890123456789012345678.0000000001, DATE'2024-01-31',
         TIMESTAMP'2024-01-31 13:45:30.123456Z', TIMESTAMP_NTZ'1969-12-31 23:59:59.999999', 'tést "q", \\n', X'00ff10',
         named_struct('a', 1, 'b', named_struct('c', 'x')), array(named_struct('x', 1), null), map('k', 1, 'n', null),
         map(1, 'one')),
        (false, -2147483648, -9223372036854775808, float('NaN'), double('-Infinity'), -0.05, -0.0000000001, DATE'0001-01-01',
         TIMESTAMP'1883-11-18 00:00:00Z', TIMESTAMP_NTZ'9999-12-31 00:00:00', '', X'', named_struct('a', null, 'b', null),
         array(), map(), map()),
        (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)""")
    writer.same("types", "b", "NOT b", "i > 0", "l = 9223372036854775807", "dec = 12.5", "dec < -0.049", "dec >= 12.501",
                "wide > 0", "da < DATE '2000-01-01'", "ts >= TIMESTAMP '2024-01-31 13:45:30.123456Z'", "s = ''", "st.a = 1",
                "st.b.c IS NULL", "st.b.c IN ('x', 'y')", "i IS NOT NULL AND (s <> '' OR sf > 1)", "i NOT IN (1, 2)",
                "NOT (i = 1 OR s IS NULL)", "i > 0.5", "i BETWEEN -2147483648 AND 0", "NOT i BETWEEN 0 AND 5", "d < 0",
                "tn < TIMESTAMP_NTZ '1970-01-01'".replace("TIMESTAMP_NTZ ", ""))


def test_rows_that_were_changed(writer):
    writer.create("changed", "id int, name string, price decimal(12,3)", "PARTITIONED BY (bucket(4, id))")
    writer.run("changed", "INSERT INTO {t} SELECT id, concat('n', id), id / 8 FROM range(500)",
               "INSERT INTO {t} SELECT id, null, null FROM range(500, 600)",
               "DELETE FROM {t} WHERE id % 7 = 0", "DELETE FROM {t} WHERE id % 7 = 1 AND id < 250",
               "UPDATE {t} SET name = 'updated' WHERE id % 10 = 3",
               """MERGE INTO {t} t USING (SELECT id, 'merged' AS name FROM range(590, 610)) s ON t.id = s.id
                  WHEN MATCHED AND t.id < 595 THEN DELETE WHEN MATCHED THEN UPDATE SET name = s.name
                  WHEN NOT MATCHED THEN INSERT (id, name, price) VALUES (s.id, s.name, 1)""")
    writer.same("changed", "id = 17", "id >= 595", "name = 'updated' AND id < 100", "name IS NULL", "id IN (7, 8, 9, 10)",
                "price < 2.1255")


def test_partitions_that_evolve(writer):
    if writer.prefix == "new_2":
        pytest.skip("as version 3, which is tried")
    writer.create("parts", "id bigint, s string, ts timestamp, da date", "PARTITIONED BY (months(ts), truncate(2, s))")
    fill = """INSERT INTO {t} SELECT id, concat(char(97 + mod(id, 5)), char(97 + mod(id, 7)), 'x', id),
              timestamp_seconds(id * 1500000 - 60000000), date_add(DATE'1969-06-01', int(id * 9))
              FROM range(%d, %d) UNION ALL SELECT %d, null, null, null"""
    writer.run("parts", fill % (0, 60, 1000), "ALTER TABLE {t} REPLACE PARTITION FIELD months(ts) WITH days(ts)",
               fill % (60, 90, 1001), "ALTER TABLE {t} DROP PARTITION FIELD truncate(2, s)",
               "ALTER TABLE {t} ADD PARTITION FIELD years(da)", "ALTER TABLE {t} ADD PARTITION FIELD bucket(8, id)",
               fill % (300, 330, 1002), "DELETE FROM {t} WHERE id % 9 = 4")
    writer.same("parts", "ts < TIMESTAMP '1970-01-01'", "ts >= TIMESTAMP '1971-02-01' AND s < 'c'", "s = 'abx50'",
                "s >= 'cc' AND s <= 'dd'", "da = DATE '1970-01-01'", "da > DATE '1972-06-01' OR id = 5", "ts IS NULL",
                "id IN (310, 311, 5, 6)", "da <= DATE '1969-12-31'", "s IS NOT NULL AND ts <= TIMESTAMP '1969-12-31 23:59:59'")


def test_schemas_that_evolve(writer):
    writer.create("schemas", "id int, f float, dec decimal(9,2), gone string, st struct<a:int,b:string>, name string")
    writer.run("schemas", "INSERT INTO {t} SELECT id, id / 4, id / 8, 'gone', named_struct('a', id, 'b', 'b'), concat('n', id) "
                          "FROM range(20)",
               "ALTER TABLE {t} ALTER COLUMN id TYPE bigint", "ALTER TABLE {t} ALTER COLUMN f TYPE double",
               "ALTER TABLE {t} ALTER COLUMN dec TYPE decimal(20,2)", "ALTER TABLE {t} DROP COLUMN gone",
               "ALTER TABLE {t} RENAME COLUMN name TO title", "ALTER TABLE {t} ADD COLUMN gone int",
               "ALTER TABLE {t} ADD COLUMN st.c double", "ALTER TABLE {t} RENAME COLUMN st.a TO z",
               "ALTER TABLE {t} ALTER COLUMN st.z TYPE bigint", "ALTER TABLE {t} ALTER COLUMN title FIRST",
               "INSERT INTO {t} SELECT concat('m', id), 3000000000 + id, id / 3, id / 8, named_struct('z', 5000000000 + id, "
               "'b', null, 'c', 0.5), int(id) FROM range(20)")
    writer.same("schemas", "id > 2147483647", "id < 5", "gone IS NULL", "gone >= 3", "st.z > 10 AND st.c IS NULL",
                "title = 'n3'", "f = 0.25", "dec = 1.5")
    assert list(json.loads(writer.lake.run("scan", f"{NAMESPACE}.{writer.name('schemas')}", "--format", "jsonl", "--limit", "1",
                                           "--columns", "id,title").expect().out)) == ["id", "title"]


def test_initial_defaults(lake, spark_new):
    """Files that are older than a column have its default, through deletes and compaction."""
    writer = Writer(spark_new, lake, 3, "new_3")
    writer.create("defaults", "id int, st struct<a:int>")
    writer.run("defaults", *(f"INSERT INTO {{t}} SELECT id, named_struct('a', id) FROM range({first}, {first + 50})" for first in range(0, 250, 50)))
    for name, kind, value in (("n", "int", 7), ("l", "long", 5000000000), ("s", "string", 'te"st, é'), ("dec", "decimal(12, 3)", "1.250"),
                              ("da", "date", "2024-02-29"), ("ts", "timestamptz", "2024-02-29T12:30:00.000001+00:00"),
                              ("tn", "timestamp", "1969-12-31T23:59:59.999999"), ("b", "boolean", True), ("f", "double", 0.1), ("st.e", "int", 3)):
        spark_new.request(action="add_column", path=str(lake.warehouse / NAMESPACE.replace(".", "/") / writer.name("defaults")),
                          name=name, type=kind, default=value)
    writer.run("defaults", "INSERT INTO {t} VALUES (300, named_struct('a', 1, 'e', null), null, null, 'new', 2, null, null, null, null, 0.5)",
               "DELETE FROM {t} WHERE id % 7 = 0", "UPDATE {t} SET n = 8, dec = null WHERE id % 11 = 1", "ALTER TABLE {t} RENAME COLUMN s TO text")
    conditions = ("n = 7", "n IS NULL", "text = 'new' OR l > 1", "dec > 1 AND id < 20", "da = DATE '2024-02-29' AND st.e = 3", "b IS NULL", "f = 0.1")
    writer.same("defaults", *conditions)
    lake.source("defaults", "nobody", "public", namespace=NAMESPACE, connection={"host": "127.0.0.1", "port": 1})
    done = lake.run("maintain", "--source", "defaults", "--table-filter", writer.name("defaults"), "--only", "compact",
                    "--delete-ratio", "1", "--format", "json").expect()
    (lake.folder / "config" / "sources.yaml").unlink()
    assert done.json["tables"][0]["rewritten_files"] >= 5
    writer.same("defaults", *conditions)


def test_equality_deletes(writer):
    if writer.version == 1:
        pytest.skip("format version 1 has no deletes")
    writer.create("equality", "id int, name string, n int", "PARTITIONED BY (n)")
    writer.run("equality", "INSERT INTO {t} SELECT id, IF(id % 5 = 0, null, concat('n', id % 10)), id % 2 FROM range(100)")
    delete = lambda columns, rows, partition=None: writer.spark.request(
        action="equality_delete", path=str(writer.lake.warehouse / NAMESPACE.replace(".", "/") / writer.name("equality")),
        columns=columns, rows=rows, partition=partition)
    delete(["id"], [[1], [3]], 1)
    delete(["name"], [[None], ["n2"]], 0)
    delete(["name", "id"], [["n7", 17], [None, 25]], 1)
    writer.run("equality", "INSERT INTO {t} VALUES (1, 'again', 1), (2, 'n2', 0), (500, null, 0)")
    delete(["id"], [[500], [99]], 1)  # 500 lies in the other partition
    writer.same("equality", "id < 30", "name IS NULL", "n = 1 AND id = 1")


def test_snapshots_branches_and_tags(writer):
    writer.create("history", "id int, name string")
    writer.run("history", "INSERT INTO {t} VALUES (1, 'a')", "ALTER TABLE {t} CREATE TAG first",
               "ALTER TABLE {t} CREATE BRANCH side", "ALTER TABLE {t} ADD COLUMN extra int", "INSERT INTO {t} VALUES (2, 'b', 7)",
               "ALTER TABLE {t} RENAME COLUMN name TO title")
    table = writer.spark.table(writer.lake.warehouse, NAMESPACE, writer.name("history"))
    is_old = writer.prefix.startswith("old")  # which cannot write to a branch whose table has another schema by now
    if not is_old:
        writer.spark.sql(f"INSERT INTO {table}.branch_side VALUES (3, 'c', 8)")
    made = writer.spark.sql(f"SELECT snapshot_id, made_current_at FROM {table}.history ORDER BY made_current_at")
    first, second = made[0], made[1]
    for arguments, tail in ((("--snapshot", first[0]), f"VERSION AS OF {first[0]}"), (("--ref", "first"), "VERSION AS OF 'first'"),
                            (("--ref", "side"), "VERSION AS OF 'side'"), (("--ref", "main"), ""),
                            (("--snapshot", second[0]), f"VERSION AS OF {second[0]}"),
                            (("--as-of", first[1].replace(" ", "T") + "Z"), f"TIMESTAMP AS OF '{first[1]}'")):
        if not (is_old and arguments == ("--ref", "side")):
            assert writer.scan("history", *arguments) == writer.rows("history", tail), arguments
    assert sorted(json.loads(row)["id"] for row in writer.scan("history", "--ref", "side")) == ([1] if is_old else [1, 3])
    name = f"{NAMESPACE}.{writer.name('history')}"
    for arguments, told in ((("--ref", "sied"), "did you mean 'side'"), (("--snapshot", "1"), str(second[0])),
                            (("--as-of", "2001-01-01"), "2001-01-01")):
        result = writer.lake.run("scan", name, *arguments).expect(66)
        assert told in result.err and "FIRN-3303" in result.err


def test_other_file_formats_are_refused(writer):
    for form in ("orc", "avro"):
        writer.create(form, "id int", **{"write.format.default": form})
        writer.run(form, "INSERT INTO {t} VALUES (1), (2)")
        result = writer.lake.run("scan", f"{NAMESPACE}.{writer.name(form)}").expect(69)
        assert form.upper() in result.err and "Parquet" in result.err and "FIRN-3202" in result.err
        assert writer.lake.run("scan", f"{NAMESPACE}.{writer.name(form)}", "--count").expect().out == "2\n"


# ---- what is printed ----

ROWS = 300_000


class Folder(NoopCatalog):
    """PyIceberg's writer on a Hadoop catalog's layout, one table: what PyIceberg has no catalog for."""

    def __init__(self, folder, schema):
        super().__init__("folder")
        self.folder, self.version = f"file://{folder}", 0
        schema = assign_fresh_schema_ids(visit_pyarrow(schema, _ConvertToIcebergWithoutIDs()))
        metadata = new_table_metadata(schema, UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, self.folder)
        self.table = Table(("made", "large"), metadata, self.put(metadata), load_file_io(), self)
        (folder / "metadata" / "version-hint.text").write_text("1")

    def put(self, metadata):
        self.version += 1
        location = f"{self.folder}/metadata/v{self.version}.metadata.json"
        ToOutputFile.table_metadata(metadata, load_file_io().new_output(location))
        return location

    def commit_table(self, table, requirements, updates):
        metadata = update_table_metadata(table.metadata, updates)
        return CommitTableResponse(metadata=metadata, metadata_location=self.put(metadata))


@pytest.fixture(scope="module")
def large(lake):
    """A table of three files that PyIceberg wrote."""
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("name", pa.string()), pa.field("d", pa.float64())])
    table = Folder(lake.warehouse / "made" / "large", schema).table
    for part in range(3):
        ids = range(part * ROWS // 3, (part + 1) * ROWS // 3)
        table.append(pa.table({"id": list(ids), "name": [f"name {number}" for number in ids],
                               "d": [number / 7 for number in ids]}, schema=schema))
    return "made.large"


def test_rows_of_pyiceberg(lake, large):
    rows = [json.loads(line) for line in lake.run("scan", large, "--format", "jsonl").expect().out.splitlines()]
    assert sorted(row["id"] for row in rows) == list(range(ROWS))
    assert all(row["d"] == row["id"] / 7 and row["name"] == f"name {row['id']}" for row in rows)
    assert lake.run("scan", large, "--count").expect().out == f"{ROWS}\n"
    assert lake.run("scan", large, "--count", "--where", "id < 1000 OR name = 'name 299999'").expect().out == "1001\n"


def test_rows_come_in_the_order_of_the_files(lake, large):
    assert lake.run("scan", large, "--format", "csv").expect().out == lake.run("scan", large, "--format", "csv").expect().out


def opened(lake, *arguments):
    """The files that a scan opens, by strace."""
    log = lake.folder / "strace"
    lake.start("scan", *arguments).wait()  # once without, so that a failure is told as such
    subprocess.run(["strace", "-f", "-e", "trace=openat", "-o", log, BINARY, "scan", *arguments], cwd=lake.folder, check=True,
                   stdout=subprocess.DEVNULL, env=lake.full_environment())
    return {line.split('"')[1] for line in log.read_text().splitlines() if '.parquet"' in line}


def test_only_what_is_needed_is_opened(lake, large):
    assert len(opened(lake, large, "--format", "none")) == 3
    assert len(opened(lake, large, "--limit", "5")) == 1
    assert len(opened(lake, large, "--where", "id >= 250000", "--format", "none")) == 1
    assert not opened(lake, large, "--count")
    assert not opened(lake, large, "--where", "id < 0")


def test_pages_that_cannot_match_are_not_read(lake, spark_new):
    """By the page index and the statistics of another writer; and what is left is right at every border."""
    writer = Writer(spark_new, lake, 2, "new_2")
    writer.create("paged", "id int, mixed int, payload string", **{"write.parquet.page-row-limit": "1000", "write.parquet.dict-size-bytes": "1000", "write.parquet.compression-codec": "snappy"})
    writer.run("paged", "INSERT INTO {t} SELECT id, IF(id % 1000 < 20, null, pmod(id * 7919, 100003)), concat(md5(cast(id AS string)), md5(cast(id + 1 AS string))) "
                        "FROM range(0, 600000, 1, 1)")
    name = f"{NAMESPACE}.{writer.name('paged')}"
    log = lake.folder / "strace"

    def bytes_read(*arguments):
        lake.run("scan", name, *arguments).expect()
        subprocess.run(["strace", "-f", "-y", "-e", "trace=read,pread64,readv,preadv", "-o", log, BINARY, "scan", name, *arguments], cwd=lake.folder,
                       check=True, stdout=subprocess.DEVNULL, env=lake.full_environment())
        return sum(int(line.rpartition("= ")[2]) for line in log.read_text().splitlines() if ".parquet>" in line and re.search(r"= \d+$", line))

    whole = bytes_read("--format", "none")
    few = bytes_read("--where", "id BETWEEN 123400 AND 123500", "--format", "none")
    assert few < whole / 8, (few, whole)  # a read ahead is up to 1 MiB a column
    assert bytes_read("--columns", "id", "--format", "none") < whole / 5
    asked = [f"id BETWEEN {low} AND {low + 1000}" for low in (-500, 998, 1000, 99999, 599500)]
    asked += ["mixed < 50", "mixed IS NULL AND id > 599000", "mixed >= 100000", "id IN (0, 999, 1000, 1001, 131071, 131072, 599999)", "id <> 7 AND id < 1001"]
    for condition in asked:
        count, = spark_new.sql(f"SELECT count(*) FROM {spark_new.table(lake.warehouse, NAMESPACE, writer.name('paged'))} WHERE {condition}")[0]
        assert lake.run("scan", name, "--count", "--where", condition).expect().out == f"{count}\n", condition


def test_a_reader_that_has_enough_ends_it_quietly(lake, large):
    process = lake.start("scan", large, "--format", "csv")
    assert process.stdout.readline() == "id,name,d\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0


def test_table_form(lake, large):
    lines = lake.run("scan", large, "--where", "id IN (0, 7)", "--columns", "name,id").expect().out.splitlines()
    assert lines == ["name    id", "name 0   0", "name 7   7"]
    assert lake.run("scan", large, "--where", "id < 0").expect().out == "id  name  d\n"


@pytest.mark.parametrize("arguments, code, told", [
    (("made.lrage",), 66, "did you mean 'large'"),
    (("nowhere.large",), 66, "no table 'nowhere.large'"),
    (("large",), 64, "NAMESPACE.TABLE"),
    (("made.large", "--columns", "id,nmae"), 64, "did you mean 'name'"),
    (("made.large", "--where", "nmae = 'x'"), 64, "did you mean 'name'"),
    (("made.large", "--where", "id = 'x'"), 64, "at character 6"),
    (("made.large", "--where", "id = 1 AND"), 64, "at its end"),
    (("made.large", "--snapshot", "1", "--ref", "main"), 64, "give one of them"),
    (("made.large", "--as-of", "yesterday"), 64, "is no time"),
])
def test_errors(lake, large, arguments, code, told):
    assert told in lake.run("scan", *arguments).expect(code).err
