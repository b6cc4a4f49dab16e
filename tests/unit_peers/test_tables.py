"""Tables that firn's catalog makes, read and changed by PyIceberg, DuckDB and Spark.

The rows come from PyArrow, so that what is judged here is metadata, manifests and the commit alone.
"""
import datetime
import glob
import json
import os
import pathlib
import subprocess
import sys
import threading
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e")]

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import StaticTable

from judges import DuckDB
from servers.process import scratch_folder
from spark import Spark

MAKER = pathlib.Path(os.environ.get("FIRN_BUILD_DIR", ROOT / "build")) / "tests" / "unit_peers" / "table_maker"
EPOCH = datetime.datetime(1970, 1, 1)


def field(name, kind, field_id, nullable=True):
    return pa.field(name, kind, nullable, {b"PARQUET:field_id": str(field_id).encode()})


SCHEMA = pa.schema([
    field("ID", pa.int64(), 1, False), field("NAME", pa.string(), 2), field("CREATED", pa.timestamp("us"), 3),
    field("TAGS", pa.list_(field("element", pa.string(), 5)), 4)])


class Lake:
    """A warehouse, and table_maker working on it."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.process = subprocess.Popen([str(MAKER), f"file://{folder}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.number = 0

    def command(self, *words):
        self.process.stdin.write("\t".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def show(self, table):
        self.command("show", table)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def deleted(self, table):
        """By data file: how many rows it has, and which of them firn takes for deleted (up to 10 of them)."""
        self.command("deleted", table)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def rows(self, table, first, count, month=None):
        """A data file with rows of one month; (path, size, rows[, month]) as table_maker takes it."""
        self.number += 1
        created = None if month is None else EPOCH.replace(year=1970 + month // 12, month=month % 12 + 1)
        ids = list(range(first, first + count))
        data = pa.table({"ID": ids, "NAME": [f"name {i} ä😀" for i in ids], "CREATED": [created] * count,
                         "TAGS": [["x", None] if i % 2 else None for i in ids]}, schema=SCHEMA)
        path = os.path.join(self.path(table), "data", f"{self.number}.parquet")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pq.write_table(data, path, compression="zstd")
        return f"file://{path},{os.path.getsize(path)},{count},{'-' if month is None else month}"

    def path(self, table):
        return os.path.join(self.folder, "peers", "db", table)

    def metadata(self, table):
        names = glob.glob(os.path.join(glob.escape(self.path(table)), "metadata", "v*.metadata.json"))
        return max(names, key=lambda name: int(os.path.basename(name)[1:].split(".")[0]))

    def close(self):
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        assert self.process.wait() == 0, self.process.stderr.read()


@pytest.fixture
def lake():
    made = Lake(scratch_folder("lake"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def duck():
    return DuckDB()


def _spark(version):
    return Spark(str(ROOT / ".cache" / "jars" / f"iceberg-spark-runtime-3.5_2.12-{version}.jar"))


@pytest.fixture(scope="session")
def spark_old():
    session = _spark("1.4.2")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def spark_new():
    session = _spark("1.10.0")
    yield session
    session.stop()


def make_history(lake, table, version, partition_by="month(CREATED);bucket(4, ID)", sort_by="ID desc;NAME"):
    """Four snapshots, a schema change and a property. Returns the ids that are left."""
    by = partition_by
    lake.command("create", table, version, by, sort_by, lake.rows(table, 0, 10, 648), lake.rows(table, 10, 5, None))
    lake.command("append", table, lake.rows(table, 100, 3, 649))
    lake.command("widen", table)
    lake.command("set", table, "firn.position", "0/16B3748")
    lake.command("append", table, lake.rows(table, 200, 4, -1))
    gone = lake.rows(table, 300, 2, 650)
    lake.command("append", table, gone)
    lake.command("remove", table, gone.split(",")[0])
    shown = lake.show(table)
    assert shown["version"] == 7 and shown["snapshots"] == 5 and shown["records"] == 22 and shown["data"] == 4
    return sorted([*range(15), *range(100, 103), *range(200, 204)])


def pyiceberg_ids(lake, table, **options):
    static = StaticTable.from_metadata(lake.metadata(table))
    return sorted(static.scan(**options).to_arrow()["ID"].to_pylist())


def duck_ids(duck, path, column="ID"):
    return [row[0] for row in duck.query(f"SELECT \"{column}\" FROM {duck.scan(path)} ORDER BY 1").fetchall()]


def spark_ids(spark, lake, table, suffix=""):
    rows = spark.sql(f"SELECT ID FROM {spark.table(lake.folder, 'peers.db', table)}{suffix}")
    return sorted(int(row[0]) for row in rows)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("partition_by", ["-", "month(CREATED)"])
def test_pyiceberg_and_duckdb_read_every_row(lake, duck, version, partition_by):
    ids = make_history(lake, "HISTORY", version, partition_by)
    assert pyiceberg_ids(lake, "HISTORY") == ids
    # DuckDB by the metadata file, and by the table's folder through version-hint.text.
    assert duck_ids(duck, lake.metadata("HISTORY")) == ids
    assert duck_ids(duck, lake.path("HISTORY")) == ids


def test_pyiceberg_understands_the_whole_table(lake):
    make_history(lake, "HISTORY", 2)
    table = StaticTable.from_metadata(lake.metadata("HISTORY"))
    assert table.metadata.table_uuid == uuid.UUID(str(table.metadata.table_uuid))
    assert [(item.name, str(item.transform)) for item in table.spec().fields] == [("CREATED_month", "month"),
                                                                                  ("ID_bucket", "bucket[4]")]
    assert [str(item.direction) for item in table.sort_order().fields] == ["desc", "asc"] or \
        [item.direction.name for item in table.sort_order().fields] == ["DESC", "ASC"]
    assert table.schema().identifier_field_ids == [1]
    assert [item.name for item in table.schema().fields] == ["ID", "NAME", "CREATED", "TAGS", "NOTE"]
    assert table.properties["firn.position"] == "0/16B3748"
    assert table.properties["write.parquet.compression-codec"] == "zstd"

    snapshots = table.inspect.snapshots().to_pylist()
    assert [item["operation"] for item in snapshots] == ["append", "append", "append", "append", "delete"]
    assert dict(snapshots[-1]["summary"])["deleted-records"] == "2"
    assert dict(snapshots[-1]["summary"])["total-records"] == "22"
    assert dict(snapshots[0]["summary"])["changed-partition-count"] == "2"
    history = table.inspect.history().to_pylist()
    assert all(item["is_current_ancestor"] for item in history) and len(history) == 5
    assert table.inspect.refs().to_pylist()[0]["name"] == "main"
    assert sorted(item["record_count"] for item in table.inspect.files().to_pylist()) == [3, 4, 5, 10]
    assert sum(item["record_count"] for item in table.inspect.partitions().to_pylist()) == 22
    assert len(table.inspect.metadata_log_entries().to_pylist()) == 7
    times = [item["made_current_at"] for item in history]
    assert times == sorted(set(times))

    first = snapshots[0]["snapshot_id"]
    assert pyiceberg_ids(lake, "HISTORY", snapshot_id=first) == list(range(15))
    assert pyiceberg_ids(lake, "HISTORY", row_filter="CREATED >= '2024-02-01T00:00:00'") == [100, 101, 102]
    assert pyiceberg_ids(lake, "HISTORY", row_filter="CREATED IS NULL") == list(range(10, 15))


def test_an_empty_table_is_a_table(lake, duck):
    for version in (2, 3):
        name = f"EMPTY_{version}"
        lake.command("create", name, version, "-", "-")
        assert lake.show(name)["records"] == 0
        assert pyiceberg_ids(lake, name) == []
        assert duck_ids(duck, lake.metadata(name)) == []


@pytest.mark.parametrize("name, folder", [
    ("with blank", None), ("Kunden ä水🐘", None), ("a:b;c=d&e+f@g", None), ("100%_{it}[x]*", None), ("o'brien", None),
    ("a/b", "a%2Fb"), ("quo\"te'd", "quo%22te'd"), ("a?b#c", "a%3Fb%23c"), ("back\\slash", "back%5Cslash")])
def test_odd_names_are_read_back(lake, duck, name, folder):
    lake.command("create", name, 2, "-", "-")
    assert lake.show(name)["records"] == 0
    files = lake.rows(folder or name, 1, 2)
    folder = os.path.join("peers", "db", folder or name)
    assert os.path.isdir(os.path.join(lake.folder, folder))
    lake.command("append", name, files)
    assert lake.show(name)["records"] == 2
    metadata = os.path.join(lake.folder, folder, "metadata", "v2.metadata.json")
    assert sorted(StaticTable.from_metadata(metadata).scan().to_arrow()["ID"].to_pylist()) == [1, 2]
    assert duck_ids(duck, metadata) == [1, 2]
    lake.command("drop", name)
    lake.close()
    assert not os.path.exists(os.path.join(lake.folder, folder))


def check_spark(spark, lake, duck, version):
    """Spark reads what firn made, changes it, and both go on in turns."""
    ids = make_history(lake, "HISTORY", version, "month(CREATED)")
    name = spark.table(lake.folder, "peers.db", "HISTORY")
    assert spark_ids(spark, lake, "HISTORY") == ids
    snapshots = spark.sql(f"SELECT snapshot_id, committed_at FROM {name}.snapshots ORDER BY committed_at")
    assert spark_ids(spark, lake, "HISTORY", f" VERSION AS OF {snapshots[0][0]}") == list(range(15))
    assert spark_ids(spark, lake, "HISTORY", f" TIMESTAMP AS OF '{snapshots[1][1]}'") == [*range(15), 100, 101, 102]
    assert spark_ids(spark, lake, "HISTORY", " WHERE CREATED < '1970-01-01'") == [200, 201, 202, 203]
    assert len(spark.sql(f"SELECT * FROM {name}.files")) == 4
    counts = [int(row[0]) for row in spark.sql(f"SELECT record_count FROM {name}.partitions")]
    assert sorted(count for count in counts if count > 0)[-4:] == [3, 4, 5, 10]  # 1.4.2 shows emptied ones too
    assert len(spark.sql(f"SELECT * FROM {name}.all_manifests")) > 0

    spark.sql(f"INSERT INTO {name} VALUES (900, 'from spark', TIMESTAMP'2024-03-01 00:00:00', array('a'), 'note')")
    spark.sql(f"DELETE FROM {name} WHERE ID = 3")  # merge on read: a delete file or a deletion vector
    shown = lake.show("HISTORY")
    assert shown["version"] == 9 and shown["deletes"] == 1 and shown["data"] == 5
    lake.command("append", "HISTORY", lake.rows("HISTORY", 1000, 2, 648))
    ids = sorted(set(ids) - {3} | {900, 1000, 1001})
    assert lake.show("HISTORY")["version"] == 10, os.listdir(os.path.join(lake.path("HISTORY"), "metadata"))
    assert spark_ids(spark, lake, "HISTORY") == ids
    assert duck_ids(duck, lake.path("HISTORY")) == ids

    # Whatever Spark adds to the metadata survives our next commit.
    spark.sql(f"ALTER TABLE {name} CREATE TAG kept RETAIN 30 DAYS")
    spark.sql(f"ALTER TABLE {name} ADD PARTITION FIELD bucket(8, ID)")
    spark.sql(f"ALTER TABLE {name} ADD COLUMN EXTRA struct<a:int,b:array<double>>")
    lake.command("set", "HISTORY", "note", "after spark")
    refs = spark.sql(f"SELECT name, type, max_reference_age_in_ms FROM {name}.refs ORDER BY name")
    assert [row[0] for row in refs] == ["kept", "main"] and refs[0][2] == str(30 * 86400 * 1000)
    assert spark_ids(spark, lake, "HISTORY") == ids

    lake.command("replace", "HISTORY")
    shown = lake.show("HISTORY")
    assert (shown["records"], shown["data"], shown["deletes"]) == (0, 0, 0)
    assert spark_ids(spark, lake, "HISTORY") == []


def test_spark_1_4_reads_and_changes(lake, duck, spark_old):
    check_spark(spark_old, lake, duck, 2)


@pytest.mark.parametrize("version", [2, 3])
def test_spark_1_10_reads_and_changes(lake, duck, spark_new, version):
    check_spark(spark_new, lake, duck, version)


def test_row_ids_of_version_3_are_sparks(lake, spark_new):
    first, second = lake.rows("ROWS", 0, 10), lake.rows("ROWS", 10, 5)
    lake.command("create", "ROWS", 3, "-", "-", first, second)  # both in one manifest
    lake.command("append", "ROWS", lake.rows("ROWS", 100, 3))
    assert lake.show("ROWS")["next_row_id"] == 18
    name = spark_new.table(lake.folder, "peers.db", "ROWS")

    def lineage():
        rows = spark_new.sql(f"SELECT ID, _row_id, _last_updated_sequence_number FROM {name}")
        return {int(row[0]): (int(row[1]), int(row[2])) for row in rows}

    before = lineage()
    assert before == {**{i: (i, 1) for i in range(15)}, **{100 + i: (15 + i, 2) for i in range(3)}}
    # The rest of a manifest that loses a file keeps its row ids; so do rows next to Spark's own changes.
    lake.command("remove", "ROWS", first.split(",")[0])
    assert lake.show("ROWS")["records"] == 8
    del_first = {key: value for key, value in before.items() if not 0 <= key < 10}
    assert lineage() == del_first
    spark_new.sql(f"UPDATE {name} SET NAME = 'changed' WHERE ID = 101")
    after = lineage()
    assert {key: value[0] for key, value in after.items()} == {key: value[0] for key, value in del_first.items()}
    lake.command("append", "ROWS", lake.rows("ROWS", 200, 1))
    shown = lake.show("ROWS")
    ids = {key: value[0] for key, value in lineage().items()}
    assert len(set(ids.values())) == len(ids) == 9 and max(ids.values()) < shown["next_row_id"]


def test_firn_and_spark_commit_at_the_same_time(lake, spark_new):
    """Each of Spark's inserts and of our appends is there in the end."""
    lake.command("create", "RACE", 2, "-", "-")
    assert lake.show("RACE")["records"] == 0
    name = spark_new.table(lake.folder, "peers.db", "RACE")
    spark_new.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('commit.retry.num-retries'='50')")
    appended = [lake.rows("RACE", 10_000 + i, 1) for i in range(60)]
    failures = []

    def insert():
        try:
            for i in range(12):
                spark_new.sql(f"INSERT INTO {name} VALUES ({i}, 'spark', NULL, NULL)")
        except Exception as error:  # told by the assertion below
            failures.append(str(error))

    thread = threading.Thread(target=insert)
    thread.start()
    for file in appended:
        lake.command("append", "RACE", file)
        lake.show("RACE")
    thread.join()
    assert not failures
    assert spark_ids(spark_new, lake, "RACE") == [*range(12), *range(10_000, 10_060)]


# ---- deletes ----

def make_deletes(lake, version, granularity=None):
    """Two data files that lose rows in two commits, one of them in both, and one that loses none. The ids that are left."""
    first, second, third = lake.rows("LESS", 0, 100, 648), lake.rows("LESS", 100, 100, 649), lake.rows("LESS", 200, 10, 648)
    a, b = first.split(",")[0], second.split(",")[0]
    lake.command("create", "LESS", version, "month(CREATED)", "-", first, second, third)
    if granularity:
        lake.command("set", "LESS", "write.delete.granularity", granularity)
    lake.command("delete", "LESS", a, "0,3,99", b, ",".join(str(i) for i in range(10, 80)))
    lake.command("delete", "LESS", a, "4,5,3")
    deleted = lake.deleted("LESS")
    assert deleted[a] == {"records": 100, "count": 5, "rows": [0, 3, 4, 5, 99]}
    assert deleted[b]["count"] == 70 and deleted[third.split(",")[0]]["count"] == 0
    return sorted({*range(210)} - {0, 3, 4, 5, 99} - {*range(110, 180)})


@pytest.mark.parametrize("version, granularity", [(2, None), (2, "partition"), (3, None)])
def test_deletes_are_read_by_pyiceberg_and_duckdb(lake, duck, version, granularity):
    ids = make_deletes(lake, version, granularity)
    shown = lake.show("LESS")
    assert shown["deletes"] == (2 if version == 3 else 3)
    assert duck_ids(duck, lake.path("LESS")) == ids
    assert pyiceberg_ids(lake, "LESS") == ids
    last = dict(StaticTable.from_metadata(lake.metadata("LESS")).inspect.snapshots().to_pylist()[-1]["summary"])
    if version == 3:
        assert (last["added-dvs"], last["removed-dvs"], last["added-position-deletes"]) == ("1", "1", "5")
        assert last["total-position-deletes"] == "75"
    else:
        assert last["added-position-delete-files"] == "1" and last["total-position-deletes"] == "76"


def check_spark_deletes(spark, lake, version):
    """Spark reads our deletes and adds its own, we read them, add to them, and Spark reads the outcome."""
    ids = make_deletes(lake, version)
    name = spark.table(lake.folder, "peers.db", "LESS")
    assert spark_ids(spark, lake, "LESS") == ids
    assert spark_ids(spark, lake, "LESS", " WHERE ID BETWEEN 100 AND 120") == [*range(100, 110)]
    operations = [row[0] for row in spark.sql(f"SELECT operation FROM {name}.snapshots ORDER BY committed_at")]
    assert operations == ["append", "delete", "delete"]

    spark.sql(f"DELETE FROM {name} WHERE ID IN (1, 2, 181, 205)")
    ids = sorted(set(ids) - {1, 2, 181, 205})
    deleted = lake.deleted("LESS")
    assert sorted((item["count"], item["records"] - item["count"]) for item in deleted.values()) == [(1, 9), (7, 93), (71, 29)]
    a = next(path for path, item in deleted.items() if item["count"] == 7)
    assert deleted[a]["rows"] == [0, 1, 2, 3, 4, 5, 99]
    lake.command("delete", "LESS", a, "50")
    assert lake.deleted("LESS")[a]["rows"] == [0, 1, 2, 3, 4, 5, 50, 99]
    assert spark_ids(spark, lake, "LESS") == sorted(set(ids) - {50})
    spark.sql(f"MERGE INTO {name} t USING (SELECT 60 AS ID UNION ALL SELECT 7000) s ON t.ID = s.ID "
              "WHEN MATCHED THEN UPDATE SET NAME = 'merged' WHEN NOT MATCHED THEN INSERT (ID) VALUES (s.ID)")
    assert lake.deleted("LESS")[a]["rows"] == [0, 1, 2, 3, 4, 5, 50, 60, 99]
    assert spark_ids(spark, lake, "LESS") == sorted(set(ids) - {50} | {7000})


def test_spark_1_4_and_firn_delete_in_turns(lake, spark_old):
    check_spark_deletes(spark_old, lake, 2)


@pytest.mark.parametrize("version", [2, 3])
def test_spark_1_10_and_firn_delete_in_turns(lake, spark_new, version):
    check_spark_deletes(spark_new, lake, version)


def test_deletes_of_an_upgraded_table_come_into_the_vector(lake, duck, spark_new):
    ids = make_deletes(lake, 2, "partition")
    name = spark_new.table(lake.folder, "peers.db", "LESS")
    spark_new.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('format-version'='3')")
    a = next(path for path, item in lake.deleted("LESS").items() if item["count"] == 5)
    lake.command("delete", "LESS", a, "77")
    assert lake.deleted("LESS")[a]["rows"] == [0, 3, 4, 5, 77, 99]
    assert spark_ids(spark_new, lake, "LESS") == sorted(set(ids) - {77})
