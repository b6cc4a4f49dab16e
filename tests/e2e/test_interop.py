"""Others write into our tables, and we beside them: Spark's changes survive, ours too."""
import threading
import time

import pytest

import expected
from judges import assert_equal, read_pyiceberg

TABLE = """
CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2), at timestamptz);
INSERT INTO t SELECT g, 'v' || g, g * 1.25, timestamptz '2026-01-01 00:00+00' + g * interval '1 minute' FROM generate_series(1, 500) g;
CREATE TABLE u (id int PRIMARY KEY, v text);
INSERT INTO u VALUES (1, 'x');
"""
NAMESPACE = "bronze.s"


@pytest.fixture
def shop(project, new_database):
    project.database, project.connection = new_database(TABLE)

    def make(version=2):
        project.source("s", project.database, "public", tables={"t": {"format_version": version}} if version != 2 else {})
        project.load("s")
        return project
    return make


def status(project):
    result = project.run("status", "--source", "s", "--format", "json").expect(0)
    text = result.out
    assert '"t"' in text and "completed" in text
    return result.json


def write_with_spark(spark, project):
    """An insert, a delete, an update and a merge: v2 leaves position deletes, v3 deletion vectors."""
    table = spark.table(project.warehouse, NAMESPACE, "t")
    spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read')")
    spark.sql(f"INSERT INTO {table} VALUES (1001, 'spark', 1.50, timestamp '2026-02-01 00:00:00')")
    spark.sql(f"DELETE FROM {table} WHERE id % 10 = 0")
    spark.sql(f"UPDATE {table} SET v = 'changed' WHERE id = 7")
    return table


def expected_after_spark(project):
    want = expected.read(project.connection, "public", "t")
    rows = [row if row[0] != 7 else (7, "changed", *row[2:]) for row in want.rows if row[0] % 10]
    spark_row = (1001, "spark", expected.parse_value(expected.Kind("decimal", 10, 2), "1.50"), expected.parse_micros("2026-02-01 00:00:00"))
    want.rows = rows + [spark_row]
    return want


def _spark_writes_and_we_go_on(project, spark):
    write_with_spark(spark, project)
    want = expected_after_spark(project)
    assert_equal(want, spark.read(project.warehouse, NAMESPACE, "t"), "Spark after its own writes")
    assert_equal(want, read_pyiceberg(project.lake, NAMESPACE, "t"), "PyIceberg after Spark's writes")
    status(project)
    unchanged = project.load("s")
    assert unchanged.summary()["failed"] == 0
    assert_equal(want, read_pyiceberg(project.lake, NAMESPACE, "t"), "PyIceberg after a run with nothing to do")

    project.connection.execute("UPDATE t SET v = 'again' WHERE id <= 3")
    project.load("s", "--no-resume")

    assert_equal(expected.read(project.connection, "public", "t"), read_pyiceberg(project.lake, NAMESPACE, "t"), "PyIceberg after our reload")
    assert_equal(expected.read(project.connection, "public", "t"), spark.read(project.warehouse, NAMESPACE, "t"), "Spark after our reload")
    status(project)


def test_spark_1_4_2_writes_into_version_2(shop, spark_old):
    _spark_writes_and_we_go_on(shop(), spark_old)


def test_spark_1_10_0_writes_into_version_2(shop, spark_new):
    _spark_writes_and_we_go_on(shop(), spark_new)


def test_spark_1_10_0_writes_into_version_3(shop, spark_new):
    _spark_writes_and_we_go_on(shop(3), spark_new)


def test_row_lineage_of_version_3(shop, spark_new):
    project = shop(3)
    metadata = project.lake.metadata(NAMESPACE, "t")
    assert metadata["format-version"] == 3 and metadata["next-row-id"] == 500
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    rows = spark_new.sql(f"SELECT count(DISTINCT _row_id), min(_row_id), max(_row_id), min(_last_updated_sequence_number) FROM {table}")
    assert rows[0][:3] == ["500", "0", "499"] and int(rows[0][3]) >= 1


def test_time_travel(shop, spark_old, spark_new, duck):
    project = shop()
    first = project.lake.current_snapshot(NAMESPACE, "t")
    before = expected.read(project.connection, "public", "t")
    time.sleep(1.1)
    between = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    time.sleep(1.1)
    project.connection.execute("DELETE FROM t WHERE id > 100")
    project.load("s", "--no-resume")
    for spark in (spark_old, spark_new):
        table = spark.table(project.warehouse, NAMESPACE, "t")
        assert_equal(before, spark.arrow(sql=f"SELECT * FROM {table} TIMESTAMP AS OF '{between}'"), "Spark, TIMESTAMP AS OF")
        assert_equal(before, spark.arrow(sql=f"SELECT * FROM {table} VERSION AS OF {first['snapshot-id']}"), "Spark, VERSION AS OF")
        assert len(spark.sql(f"SELECT * FROM {table}")) == 100
        history = spark.sql(f"SELECT snapshot_id, is_current_ancestor FROM {table}.history ORDER BY made_current_at")
        assert history[0][0] == str(first["snapshot-id"]) and {row[1] for row in history} == {"True"}
    assert_equal(before, read_pyiceberg(project.lake, NAMESPACE, "t", snapshot_id=first["snapshot-id"]), "PyIceberg at a snapshot")
    rows = duck.query(f"SELECT count(*) FROM iceberg_scan('{project.lake.metadata_path(NAMESPACE, 't')}', snapshot_from_id={first['snapshot-id']})")
    assert rows.fetchone()[0] == 500


def test_duckdb_finds_the_version_by_the_hint(shop, duck):
    project = shop()
    folder = project.lake.folder(NAMESPACE, "t")
    assert duck.query(f"SELECT count(*) FROM {duck.scan(folder)}").fetchone()[0] == 500


def test_metadata_tables_of_spark(shop, spark_old):
    project = shop()
    table = spark_old.table(project.warehouse, NAMESPACE, "t")
    assert spark_old.sql(f"SELECT sum(record_count) FROM {table}.files") == [["500"]]
    assert spark_old.sql(f"SELECT count(*) FROM {table}.entries WHERE status = 1") != [["0"]]
    assert spark_old.sql(f"SELECT count(*) FROM {table}.manifests") != [["0"]]
    assert spark_old.sql(f"SELECT operation, summary['firn.commit-id'] IS NOT NULL FROM {table}.snapshots")[-1][1] == "True"
    assert spark_old.sql(f"SELECT count(*) FROM {table}.partitions") == [["1"]]


def test_spark_maintains_our_table(shop, spark_new):
    """Compaction, manifest rewriting and expiry by Iceberg's own procedures, then we load again."""
    project = shop()
    project.connection.execute("UPDATE t SET v = v || '!'")
    project.load("s", "--no-resume")
    catalog = spark_new.catalog(project.warehouse)
    name = f"{NAMESPACE}.t"
    spark_new.sql(f"CALL {catalog}.system.rewrite_data_files(table => '{name}', options => map('rewrite-all', 'true'))")
    spark_new.sql(f"CALL {catalog}.system.rewrite_manifests('{name}')")
    spark_new.sql(f"CALL {catalog}.system.expire_snapshots(table => '{name}', older_than => TIMESTAMP '2099-01-01 00:00:00', retain_last => 1)")
    assert_equal(expected.read(project.connection, "public", "t"), spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark after maintenance")
    status(project)
    # The state lives in the table's properties: an expired snapshot takes nothing with it.
    assert project.load("s").summary()["rows"] == 0
    project.connection.execute("DELETE FROM t WHERE id = 1")
    project.load("s", "--no-resume")
    assert_equal(expected.read(project.connection, "public", "t"), spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")


def test_commits_at_the_same_time(shop, spark_new):
    """Spark appends to a table again and again while firn reloads it: neither overwrites the other's version."""
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('commit.retry.num-retries'='20', 'commit.retry.min-wait-ms'='10')")
    done, failed = [], []

    def append():
        for number in range(10):
            try:
                spark_new.sql(f"INSERT INTO {table} VALUES ({2000 + number}, 'spark', 0, timestamp '2026-02-01 00:00:00')")
                done.append(2000 + number)
            except Exception as error:
                failed.append(str(error))
    thread = threading.Thread(target=append)
    thread.start()
    codes = []
    while thread.is_alive():
        codes.append(project.run("load", "--source", "s", "--no-resume").code)
    thread.join()
    assert set(codes) <= {0, 1, 75} and 0 in codes
    assert len(done) >= 5, failed

    # Each version was written by exactly one, and follows from the one before.
    import json
    versions = project.lake.versions(NAMESPACE, "t")
    assert sorted(versions) == list(range(1, max(versions) + 1))
    seen = set()
    for number in sorted(versions):
        with open(versions[number], encoding="utf-8") as file:
            snapshots = [item["snapshot-id"] for item in json.load(file).get("snapshots", ())]
        assert seen <= set(snapshots), f"version {number} lost a snapshot"
        seen = set(snapshots)
    writers = [item["summary"].get("engine-name", "firn") for item in project.lake.metadata(NAMESPACE, "t")["snapshots"]]
    assert writers.count("spark") == len(done)

    project.load("s", "--no-resume")

    assert_equal(expected.read(project.connection, "public", "t"), read_pyiceberg(project.lake, NAMESPACE, "t"), "PyIceberg")
    assert_equal(expected.read(project.connection, "public", "t"), spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")


def test_spark_finds_rows_by_uuid(project, new_database, spark_old, spark_new):
    """Iceberg in Java orders and compares UUIDs in its own way (apache/iceberg 14216, 14027): with bounds or a dictionary on
    such a column Spark loses rows without a word, or fails. So we write neither."""
    name, connection = new_database(
        "CREATE TABLE t (id uuid PRIMARY KEY, few uuid, n int);"
        "INSERT INTO t SELECT md5(g::text)::uuid, md5((g % 5)::text)::uuid, g FROM generate_series(1, 600) g")
    project.source("s", name, "public")
    project.load("s")
    rows = expected.read(connection, "public", "t").rows
    for spark in (spark_old, spark_new):
        table = spark.table(project.warehouse, NAMESPACE, "t")
        for number, few, n in rows[::75]:
            assert spark.sql(f"SELECT n FROM {table} WHERE id = '{number}'") == [[str(n)]]
            assert spark.sql(f"SELECT count(*) FROM {table} WHERE few = '{few}' AND n = {n}") == [["1"]]
        assert spark.sql(f"SELECT count(*) FROM {table} WHERE few IN ('{rows[0][1]}', '{rows[1][1]}')") == [["240"]]
