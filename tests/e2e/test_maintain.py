"""firn maintain: what every reader sees stays the same, and the rest gets less."""
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import pyarrow.parquet as pq
import pytest

import expected
from firn import BINARY
from judges import assert_equal, read_pyiceberg
from spark import SparkError
from test_json_schema import valid

TABLE = """
CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2), at timestamptz);
INSERT INTO t SELECT g, 'v' || g, g * 1.25, timestamptz '2026-01-01 00:00+00' + g * interval '1 minute' FROM generate_series(1, 500) g;
"""
NAMESPACE = "bronze.s"
CRASH_BINARY = str(pathlib.Path(BINARY).with_name("firn-crash"))
DAY = 24 * 3600


@pytest.fixture
def shop(project, new_database):
    project.database, project.connection = new_database(TABLE)

    def make(version=2):
        project.source("s", project.database, "public", tables={"t": {"format_version": version}} if version != 2 else {})
        project.load("s")
        return project
    return make


def maintain(project, *arguments, code=0, table="t"):
    """The result of one table."""
    document = valid(project.run("maintain", "--source", "s", "--format", "json", *arguments).expect(code).json, "maintain")
    return next(line for line in document["tables"] if line["table"] == table)


def folder(project, table="t"):
    return pathlib.Path(project.lake.folder(NAMESPACE, table))


def files_of(project, table="t"):
    """Every file of the table's folder, but for hidden ones."""
    return {str(path.relative_to(folder(project, table))) for path in folder(project, table).rglob("*")
            if path.is_file() and not path.name.startswith(".")}


def referenced(project, table="t"):
    """What the current metadata refers to, as PyIceberg sees it: all snapshots, all manifests, all live files."""
    static = project.lake.static_table(NAMESPACE, table)
    metadata = project.lake.metadata(NAMESPACE, table)
    found = {project.lake.metadata_path(NAMESPACE, table)} | {entry["metadata-file"] for entry in metadata["metadata-log"]}
    for snapshot in static.snapshots():
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(static.io):
            found.add(manifest.manifest_path)
            found |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(static.io, discard_deleted=True)}
    base = str(folder(project, table))
    return {os.path.relpath(re.sub("^file:/+", "/", path), base) for path in found}


def make_old(path, days):
    past = time.time() - days * DAY
    os.utime(path, (past, past))


def insert(project, spark, table, *numbers):
    """The same new rows into the source and, by Spark, into the lake: one data file."""
    rows = ", ".join(f"({number}, 'more', 1.00, NULL)" for number in numbers)
    project.connection.execute(f"INSERT INTO t VALUES {rows}")
    spark.sql(f"INSERT INTO {table} VALUES {rows}")


def assert_same(project, duck, want=None):
    want = want or expected.read(project.connection, "public", "t")
    assert_equal(want, read_pyiceberg(project.lake, NAMESPACE, "t"), "PyIceberg")
    assert_equal(want, duck.read(project.lake, NAMESPACE, "t"), "DuckDB")


# ------------------------------------------------------------------ snapshots and their files

def test_expired_snapshots_and_what_only_they_hold_go(shop, duck):
    project = shop()
    for _ in range(4):
        project.load("s", "--no-resume")
    before = files_of(project)
    foreseen = maintain(project, "--only", "expire", "--older-than", "0s", "--retain-last", "2", "--dry-run")
    assert files_of(project) == before

    result = maintain(project, "--only", "expire", "--older-than", "0s", "--retain-last", "2")

    assert result["before"]["snapshots"] == 5 and result["after"]["snapshots"] == 2
    assert {name: foreseen[name] for name in ("expired_snapshots", "removed_files", "removed_bytes")} == \
           {name: result[name] for name in ("expired_snapshots", "removed_files", "removed_bytes")}
    assert foreseen["after"] == result["after"] and result["expired_snapshots"] == 3
    gone = before - files_of(project)
    assert len([name for name in gone if name.startswith("data/")]) == 3 and len(gone) == result["removed_files"]
    assert files_of(project) - {"metadata/version-hint.text"} == referenced(project)
    assert_same(project, duck)


def test_the_tables_own_rules_are_kept(shop, duck, spark_new):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} CREATE TAG first")
    spark_new.sql(f"ALTER TABLE {table} CREATE BRANCH side WITH SNAPSHOT RETENTION 3 SNAPSHOTS 1 DAYS")
    for number in range(4):
        spark_new.sql(f"INSERT INTO {table}.branch_side VALUES ({1000 + number}, 'side', 1.00, NULL)")
    for _ in range(4):
        project.load("s", "--no-resume")

    # Nothing is five days old.
    assert maintain(project, "--only", "expire")["expired_snapshots"] == 0
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('history.expire.max-snapshot-age-ms'='1', 'history.expire.min-snapshots-to-keep'='2')")
    result = maintain(project, "--only", "expire")
    # main keeps two, the branch (younger than a day) its four, the tag the first, from which both come.
    assert result["after"]["snapshots"] == 2 + 4 + 1
    assert spark_new.sql(f"SELECT count(*) FROM {table} VERSION AS OF 'first'") == [["500"]]
    assert spark_new.sql(f"SELECT count(*) FROM {table} VERSION AS OF 'side'") == [["504"]]
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('gc.enabled'='false')")
    result = maintain(project, "--older-than", "0s")
    assert result["expired_snapshots"] == 0 and "gc.enabled" in result["note"]
    assert_same(project, duck)


def test_a_ref_that_is_too_old_goes(shop, duck, spark_new):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} CREATE TAG kept")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('history.expire.max-ref-age-ms'='1')")
    project.load("s", "--no-resume")

    result = maintain(project, "--only", "expire", "--older-than", "0s")

    assert result["removed_refs"] == 1 and result["after"]["snapshots"] == 1
    assert set(project.lake.metadata(NAMESPACE, "t")["refs"]) == {"main"}
    assert_same(project, duck)


# ------------------------------------------------------------------ orphans, metadata files

def test_orphans_go_and_what_may_be_needed_stays(shop, duck):
    project = shop()
    data, metadata = folder(project) / "data", folder(project) / "metadata"
    version = max(project.lake.versions(NAMESPACE, "t"))
    needed = referenced(project)
    orphans = [data / "old.parquet", metadata / "old-m0.avro", metadata / ".old-m0.avro.crc"]
    kept = [data / "young.parquet", data / "begun.parquet", metadata / f"v{version + 5}.metadata.json.tmp",
            metadata / f"v{version + 7}.metadata.json", folder(project) / "else.txt"]
    for path in orphans + kept:
        path.write_bytes(b"x")
    for path in orphans + kept[1:]:
        make_old(path, 4)
    make_old(kept[0], 2)
    for name in needed:
        make_old(folder(project) / name, 30)
    kept[2].unlink()
    pending = project.folder / "checkpoints" / "other"
    pending.mkdir(parents=True)
    begun = {"table": "t", "location": f"file://{data}", "commit": "0190f0c0-0000-7000-8000-000000000000",
             "file": f"file://{data}/0190f0c0-0000-7000-8000-000000000000-begun.parquet"}
    ours = data / "0190f0c0-0000-7000-8000-000000000000-begun.parquet"
    kept[1].rename(ours)
    kept = [kept[0], ours, kept[3], kept[4]]
    (pending / "pending-x.jsonl").write_text(json.dumps(begun) + "\n")

    foreseen = maintain(project, "--only", "orphans", "--dry-run")
    assert all(path.exists() for path in orphans)
    result = maintain(project, "--only", "orphans")

    assert foreseen["orphan_files"] == result["orphan_files"] == len(orphans)
    assert not any(path.exists() for path in orphans)
    assert all(path.exists() for path in kept)
    kept[2].unlink()
    assert_same(project, duck)

    assert maintain(project, "--only", "orphans", "--older-than", "1d")["orphan_files"] == 1
    assert not kept[0].exists()
    refused = project.run("maintain", "--source", "s", "--only", "orphans", "--older-than", "1h").expect(64)
    assert "a day" in refused.err


def test_a_damaged_list_of_pending_files_stops_the_removal(shop):
    project = shop()
    orphan = folder(project) / "data" / "old.parquet"
    orphan.write_bytes(b"x")
    make_old(orphan, 4)
    pending = project.folder / "checkpoints" / "other"
    pending.mkdir(parents=True)
    (pending / "pending-x.jsonl").write_text('{"table":\n{}\n')

    result = maintain(project, "--only", "orphans", code=1)

    assert result["error"] == "FIRN-5021" and orphan.exists()


def test_old_metadata_files_go_where_the_table_asks_for_it(shop, duck, spark_new):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.metadata.previous-versions-max'='2')")
    for _ in range(4):
        project.load("s", "--no-resume")
    count = len(project.lake.versions(NAMESPACE, "t"))
    maintain(project, "--only", "expire")
    assert len(project.lake.versions(NAMESPACE, "t")) == count >= 6
    project.load("s", "--no-resume")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.metadata.delete-after-commit.enabled'='true')")

    maintain(project, "--only", "expire")

    assert len(project.lake.versions(NAMESPACE, "t")) == 3
    assert_same(project, duck)
    assert spark_new.sql(f"SELECT count(*) FROM {table}") == [["500"]]


def test_the_status_table_stays_small(shop):
    project = shop()
    for _ in range(12):
        project.load("s", "--no-resume")
    result = maintain(project, "--older-than", "0s", "--retain-last", "3", table="_cdc_status")
    assert result["after"]["snapshots"] == 3 < result["before"]["snapshots"]
    assert project.run("status", "--source", "s").expect(0).out.count("completed") == 1


# ------------------------------------------------------------------ manifests

def test_manifests_are_put_together(shop, duck, spark_new):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('commit.manifest-merge.enabled'='false')")
    for number in range(12):
        insert(project, spark_new, table, 1000 + number)
    assert "enabled" in maintain(project, "--only", "manifests")["note"]
    spark_new.sql(f"ALTER TABLE {table} UNSET TBLPROPERTIES ('commit.manifest-merge.enabled')")

    foreseen = maintain(project, "--only", "manifests", "--dry-run")
    result = maintain(project, "--only", "manifests")

    assert foreseen["after"]["manifests"] == result["after"]["manifests"] == 1 and result["before"]["manifests"] == 13
    summary = project.lake.current_snapshot(NAMESPACE, "t")["summary"]
    assert summary["operation"] == "replace" and summary["firn.maintain"] == "manifests"
    assert_same(project, duck)
    assert_equal(expected.read(project.connection, "public", "t"), spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
    assert maintain(project, "--only", "manifests")["before"] == result["after"]


# ------------------------------------------------------------------ compaction

def spark_rows(spark, project, columns="*"):
    return sorted(spark.sql(f"SELECT {columns} FROM {spark.table(project.warehouse, NAMESPACE, 't')}"))


def change_with_spark(project, spark, table):
    """Small files, deleted and changed rows; the source gets the same."""
    spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read')")
    for number in range(6):
        insert(project, spark, table, *range(1000 + 10 * number, 1010 + 10 * number))
    for statement in ("DELETE FROM {} WHERE id % 10 = 0", "UPDATE {} SET v = 'changed' WHERE id % 7 = 1", "DELETE FROM {} WHERE id < 300"):
        spark.sql(statement.format(table))
        project.connection.execute(statement.format("t"))


@pytest.mark.parametrize("version", (2, 3))
def test_small_files_and_deleted_rows(shop, duck, spark_new, version):
    project = shop(version)
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    change_with_spark(project, spark_new, table)
    lineage = "id, _row_id, _last_updated_sequence_number"
    before = spark_rows(spark_new, project, lineage) if version == 3 else None
    foreseen = maintain(project, "--only", "compact", "--dry-run")

    result = maintain(project, "--only", "compact")

    assert result["rewritten_files"] == foreseen["rewritten_files"] == result["before"]["data_files"]
    assert result["after"]["data_files"] == foreseen["after"]["data_files"] == 1
    assert result["after"]["rows"] == len(expected.read(project.connection, "public", "t").rows)
    summary = project.lake.current_snapshot(NAMESPACE, "t")["summary"]
    assert summary["operation"] == "replace" and summary["firn.maintain"] == "compact" and summary["firn.commit-id"]
    assert project.lake.metadata(NAMESPACE, "t")["properties"]["firn.load-position"]
    assert_same(project, duck)
    assert_equal(expected.read(project.connection, "public", "t"), spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
    if version == 3:
        assert spark_rows(spark_new, project, lineage) == before
    assert maintain(project, "--only", "compact")["rewritten_files"] == 0
    # Rows of a compacted file go on being deleted and changed.
    for statement in ("DELETE FROM {} WHERE id % 10 = 5", "UPDATE {} SET v = 'again' WHERE id > 1030"):
        spark_new.sql(statement.format(table))
        project.connection.execute(statement.format("t"))
    maintain(project)
    assert_same(project, duck)


@pytest.mark.parametrize("version", (2, 3))
def test_pages_of_small_files_are_taken_over(shop, duck, spark_new, version):
    """Row groups too small to stay become one; columns that have no dictionary keep their pages, others are decoded."""
    project = shop(version)
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    for number in range(5):
        first = 10000 + 20000 * number
        spark_new.sql(f"INSERT INTO {table} SELECT id + {first}, md5(CAST(id AS STRING)), 1.00, NULL FROM range(0, 20000, 1, 1)")
        project.connection.execute(f"INSERT INTO t SELECT id + {first}, md5(id::text), 1.00, NULL FROM generate_series(0, 19999) id")
    lineage = "id, _row_id, _last_updated_sequence_number"
    before = spark_rows(spark_new, project, lineage) if version == 3 else None

    result = maintain(project, "--only", "compact")

    assert result["after"]["data_files"] == 1
    want = expected.read(project.connection, "public", "t")
    assert_same(project, duck, want)
    assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
    assert spark_new.sql(f"SELECT count(*) FROM {table} WHERE id BETWEEN 29990 AND 30009") == [["20"]]
    if version == 3:
        assert spark_rows(spark_new, project, lineage) == before


@pytest.mark.parametrize("version", (2, 3))
def test_only_row_groups_with_deleted_rows_are_decoded(shop, duck, spark_new, version):
    """Files of many row groups, of which few have deleted rows; and what came of it once more."""
    project = shop(version)
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read', "
                  "'write.parquet.row-group-size-bytes'='262144', 'write.parquet.page-size-bytes'='16384')")
    for first in (100000, 200000, 300000, 400000, 500000):
        spark_new.sql(f"INSERT INTO {table} SELECT id + {first}, concat(md5(CAST(id AS STRING)), md5(CAST(id + 1 AS STRING))), 1.00, NULL "
                      "FROM range(0, 40000, 1, 1)")
        project.connection.execute(f"INSERT INTO t SELECT id + {first}, md5(id::text) || md5((id + 1)::text), 1.00, NULL "
                                   "FROM generate_series(0, 39999) id")
    groups = [pq.ParquetFile(task.file.file_path.removeprefix("file:")).num_row_groups
              for task in project.lake.static_table(NAMESPACE, "t").scan().plan_files() if task.file.record_count == 40000]
    assert len(groups) == 5 and min(groups) >= 4, groups
    lineage = "id, _row_id, _last_updated_sequence_number"
    for condition in ("id BETWEEN 100010 AND 100500 OR id = 125000 OR id BETWEEN 339000 AND 350000", "id > 300000 OR id BETWEEN 200100 AND 213000"):
        spark_new.sql(f"DELETE FROM {table} WHERE {condition}")
        project.connection.execute(f"DELETE FROM t WHERE {condition}")
        before = spark_rows(spark_new, project, lineage) if version == 3 else None

        result = maintain(project, "--only", "compact")

        assert result["rewritten_files"] and result["after"]["deleted_rows"] == 0
        want = expected.read(project.connection, "public", "t")
        assert_same(project, duck, want)
        assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
        if version == 3:
            assert spark_rows(spark_new, project, lineage) == before
        # The page index is what it says: points and ranges, at borders of pages and in their middle.
        for task in project.lake.static_table(NAMESPACE, "t").scan().plan_files():
            path = task.file.file_path.removeprefix("file:")
            whole = pq.read_table(path, columns=["id"])["id"].to_pylist()
            for low in whole[::997]:
                found = pq.read_table(path, columns=["id"], filters=[("id", ">=", low), ("id", "<", low + 50)])["id"].to_pylist()
                assert found == [value for value in whole if low <= value < low + 50]
        for low in range(100000, 340000, 7919):
            where = f"id BETWEEN {low} AND {low + 60}"
            count, = project.connection.execute(f"SELECT count(*) FROM t WHERE {where}").fetchone()
            assert spark_new.sql(f"SELECT count(*) FROM {table} WHERE {where}") == [[str(count)]]


MANY_TYPES = """
CREATE TABLE t (id bigint PRIMARY KEY, few text, many text, wide numeric(30,4), amount numeric(10,2), ratio double precision, small real,
                yes boolean, raw bytea, day date, at timestamptz, numbers int[], place int NOT NULL);
INSERT INTO t SELECT g, CASE WHEN g % 13 > 0 THEN CASE WHEN g % 10 = 4 THEN 'goes' ELSE 'few ' || g % 5 END END, md5(g::text), CASE WHEN g % 3 > 0 THEN g * 10000000000000.0625 END,
    g * 1.25, CASE WHEN g % 50 = 7 THEN 'NaN' WHEN g % 11 > 0 THEN g / 7.0 END, g % 100, CASE WHEN g % 7 > 0 THEN g % 2 = 0 END, CASE WHEN g % 5 > 0 THEN decode(md5(g::text), 'hex') END,
    date '2020-01-01' + (g % 900)::int, CASE WHEN g < 8000 THEN timestamptz '2026-01-01 00:00+00' + g * interval '1 minute' END,
    CASE WHEN g % 4 > 0 THEN ARRAY[g % 10, NULL, g]::int[] END, g % 1000 FROM generate_series(1, 12000) g;
"""


@pytest.mark.parametrize("version", (2, 3))
def test_scattered_deletes_of_every_type(project, new_database, duck, spark_new, version):
    """Row groups of firn's and of Spark's files lose rows of all their pages; columns with nulls, NaN, dictionaries and lists."""
    project.database, project.connection = new_database(MANY_TYPES)
    project.source("s", project.database, "public", tables={"t": {"format_version": version}})
    project.load("s")
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    columns = "few, many, wide, amount, ratio, small, yes, raw, day, at, numbers, place"
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read', 'write.parquet.page-row-limit'='3000', "
                  "'write.parquet.dict-size-bytes'='30000')")
    spark_new.sql(f"INSERT INTO {table} SELECT /*+ COALESCE(1) */ id + 90000, {columns} FROM {table} ORDER BY id")
    project.connection.execute(f"INSERT INTO t SELECT id + 90000, {columns} FROM t")
    lineage = "id, _row_id, _last_updated_sequence_number"
    for condition in ("id % 10 = 4", "id % 11 = 5 OR id BETWEEN 3000 AND 6000", "id % 2 = 0"):
        spark_new.sql(f"DELETE FROM {table} WHERE {condition}")
        project.connection.execute(f"DELETE FROM t WHERE {condition}")
        before = spark_rows(spark_new, project, lineage) if version == 3 else None

        result = maintain(project, "--only", "compact", "--delete-ratio", "1")

        assert result["rewritten_files"] and result["after"]["deleted_rows"] == 0 and result["after"]["data_files"] == 1
        want = expected.read(project.connection, "public", "t")
        assert_same(project, duck, want)
        assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
        if version == 3:
            assert spark_rows(spark_new, project, lineage) == before
        task, = project.lake.static_table(NAMESPACE, "t").scan().plan_files()
        path = task.file.file_path.removeprefix("file:")
        whole = pq.read_table(path, read_dictionary=["few"])
        # A value that only deleted rows had is nowhere in the file.
        assert all("goes" not in chunk.dictionary.to_pylist() for chunk in whole["few"].chunks)
        for column, step in (("id", 5), ("amount", 5), ("place", 3), ("many", None)):
            values = whole[column].to_pylist()
            for low in values[::1499]:
                high = low + step if step else low
                found = pq.read_table(path, columns=[column], filters=[(column, ">=", low), (column, "<=", high)])[column].to_pylist()
                assert found == [value for value in values if low <= value <= high]
        for low in (1, 2990, 8111, 93500, 101000):
            where = f"id BETWEEN {low} AND {low + 60} OR (place = {low % 1000} AND day > '2021-05-05')"
            count, = project.connection.execute(f"SELECT count(*) FROM t WHERE {where}").fetchone()
            assert spark_new.sql(f"SELECT count(*) FROM {table} WHERE {where}") == [[str(count)]]


@pytest.mark.parametrize("codec", ("gzip", "snappy", "lz4_raw", "uncompressed", "zstd"))
def test_the_tables_codec_is_kept(shop, duck, spark_new, codec):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.parquet.compression-codec'='{codec}')")
    for number in range(4):
        insert(project, spark_new, table, 1000 + number)
    assert maintain(project, "--only", "compact")["after"]["data_files"] == 1
    task, = project.lake.static_table(NAMESPACE, "t").scan().plan_files()
    chunk = pq.ParquetFile(task.file.file_path.removeprefix("file://").removeprefix("file:")).metadata.row_group(0).column(0)
    assert chunk.compression == {"lz4_raw": "LZ4"}.get(codec, codec.upper())
    assert_same(project, duck)


def test_the_tables_sizes_of_manifests_are_kept(shop, duck, spark_new):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('commit.manifest-merge.enabled'='false')")
    for number in range(5):
        insert(project, spark_new, table, 1000 + number)
    spark_new.sql(f"ALTER TABLE {table} UNSET TBLPROPERTIES ('commit.manifest-merge.enabled')")
    assert maintain(project, "--only", "manifests")["after"]["manifests"] == 6, "fewer than ten"
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('commit.manifest.min-count-to-merge'='3', 'commit.manifest.target-size-bytes'='1000')")
    assert maintain(project, "--only", "manifests")["after"]["manifests"] == 6, "none is small"
    spark_new.sql(f"ALTER TABLE {table} UNSET TBLPROPERTIES ('commit.manifest.target-size-bytes')")
    assert maintain(project, "--only", "manifests")["after"]["manifests"] == 1
    assert_same(project, duck)


def test_metadata_in_gzip(shop, duck, spark_new):
    """write.metadata.compression-codec: the next version is as the table asks for it, and old ones of either kind go."""
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.metadata.compression-codec'='gzip', 'write.metadata.previous-versions-max'='2', "
                  "'write.metadata.delete-after-commit.enabled'='true')")
    for number in range(6):
        insert(project, spark_new, table, 1000 + number)
    assert maintain(project, "--older-than", "0s")["after"]["data_files"] == 1
    names = sorted(path.name for path in (folder(project) / "metadata").glob("*.metadata.json"))
    assert len(names) == 3 and all(name.endswith(".gz.metadata.json") for name in names), names
    want = expected.read(project.connection, "public", "t")
    assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
    assert project.run("validate", "--source", "s", "--deep").expect(0)


# ------------------------------------------------------------------ delete files

@pytest.mark.parametrize("granularity", ("file", "partition"))
def test_position_deletes_are_merged_and_useless_ones_go(shop, duck, spark_new, granularity):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.granularity'='{granularity}')")
    insert(project, spark_new, table, *range(1000, 1100))
    for rest in range(4):
        for statement in (f"DELETE FROM {{}} WHERE id % 20 = {rest}",):
            spark_new.sql(statement.format(table))
            project.connection.execute(statement.format("t"))
    want = expected.read(project.connection, "public", "t")
    foreseen = maintain(project, "--only", "deletes", "--dry-run")

    result = maintain(project, "--only", "deletes")

    assert result["before"]["delete_files"] == (3 if granularity == "file" else 4)
    # Spark has put those of a data file together by itself.
    assert result["after"]["delete_files"] == (3 if granularity == "file" else 1) == foreseen["after"]["delete_files"]
    assert result["after"]["deleted_rows"] == result["before"]["deleted_rows"]
    assert_same(project, duck, want)
    assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")

    maintain(project, "--only", "compact", "--delete-ratio", "1")
    result = maintain(project, "--only", "deletes")

    assert result["after"]["delete_files"] == 0
    assert_same(project, duck, want)


def delete_files(project, table="t"):
    """Format and number of rows of every live delete file, by PyIceberg."""
    static = project.lake.static_table(NAMESPACE, table)
    return sorted((str(entry.data_file.file_format).rpartition(".")[2].upper(), entry.data_file.record_count)
                  for manifest in static.current_snapshot().manifests(static.io) if manifest.content == 1
                  for entry in manifest.fetch_manifest_entry(static.io))


def test_a_partitions_deletes_need_not_name_each_data_file(shop, duck, spark_new):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.granularity'='partition')")
    insert(project, spark_new, table, 2015)
    insert(project, spark_new, table, 2000, 2001, 2002)
    for rest in (0, 1):
        for statement in (f"DELETE FROM {{}} WHERE id % 20 = {rest}",):
            spark_new.sql(statement.format(table))
            project.connection.execute(statement.format("t"))

    result = maintain(project, "--only", "deletes")

    assert result["after"]["deleted_rows"] == result["before"]["deleted_rows"] == 52 and result["after"]["delete_files"] == 1
    assert_same(project, duck)


@pytest.mark.parametrize("granularity", ("file", "partition"))
def test_position_deletes_of_an_upgraded_table_become_vectors(shop, duck, spark_new, granularity):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.granularity'='{granularity}', 'write.delete.mode'='merge-on-read')")
    insert(project, spark_new, table, 2015)  # which nothing deletes
    insert(project, spark_new, table, *range(1000, 1100))

    def both(statement):
        spark_new.sql(statement.format(table))
        project.connection.execute(statement.format("t"))

    both("DELETE FROM {} WHERE id % 20 = 0")
    both("DELETE FROM {} WHERE id % 20 = 1")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('format-version'='3')")
    both("DELETE FROM {} WHERE id = 1007")  # one of the data files gets a vector by Spark
    want = expected.read(project.connection, "public", "t")
    assert "PARQUET" in {form for form, _ in delete_files(project)}
    foreseen = maintain(project, "--only", "deletes", "--dry-run")
    assert "PARQUET" in {form for form, _ in delete_files(project)}

    result = maintain(project, "--only", "deletes")

    found = delete_files(project)
    assert {form for form, _ in found} == {"PUFFIN"} and sum(rows for _, rows in found) == 61
    assert foreseen["after"]["delete_files"] == result["after"]["delete_files"] == len(found)
    summary = project.lake.current_snapshot(NAMESPACE, "t")["summary"]
    assert summary["operation"] == "replace" and summary["firn.maintain"] == "deletes"
    assert_same(project, duck, want)
    assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
    assert maintain(project, "--only", "deletes")["before"] == result["after"], "nothing is left to do"
    # The table goes on: another's delete is put to the vectors, the rows vanish with a compaction.
    both("DELETE FROM {} WHERE id % 20 = 2")
    assert_same(project, duck)
    result = maintain(project, "--delete-ratio", "1")
    assert result["after"]["delete_files"] == 0
    want = expected.read(project.connection, "public", "t")
    assert_same(project, duck, want)
    assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")


# ------------------------------------------------------------------ beside others, and killed

@pytest.mark.parametrize("version", (2, 3))
def test_beside_a_busy_writer(shop, duck, spark_new, version):
    """Spark appends, deletes and updates while maintain runs again and again: nothing lost, nothing doubled, and a reader of
    the current snapshot never fails."""
    project = shop(version)
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('commit.retry.num-retries'='50', 'commit.retry.max-wait-ms'='500')")
    ended, failures, reads = threading.Event(), [], []

    def change(statement):
        """Where maintain has replaced a file that Spark deletes from, Spark notices and refuses: it begins again."""
        for attempt in range(40):
            try:
                spark_new.sql(statement.format(table))
                break
            except SparkError as error:
                if "ValidationException" not in str(error) or attempt == 39:
                    raise
                time.sleep(0.1 * attempt)  # lets it get in between two runs
        project.connection.execute(statement.format("t"))

    def write():
        try:
            for number in range(5):
                insert(project, spark_new, table, *range(1000 + 20 * number, 1020 + 20 * number))
                for statement in (f"DELETE FROM {{}} WHERE id % 13 = {number}", f"UPDATE {{}} SET v = 'v{number}' WHERE id % 11 = {number}"):
                    change(statement)
        except Exception as error:  # told by the test
            failures.append(error)
        ended.set()

    def read():
        while not ended.is_set():
            try:
                reads.append(project.lake.static_table(NAMESPACE, "t").scan(selected_fields=("id",)).to_arrow().num_rows)
            except Exception as error:  # told by the test
                failures.append(error)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    rounds = rewritten = 0
    while not ended.is_set():
        result = maintain(project, "--only", "compact,deletes,manifests,expire", "--older-than", "20s", "--retain-last", "3", "--delete-ratio", "1")
        rounds += 1
        rewritten += result["rewritten_files"]
    for thread in threads:
        thread.join()

    assert not failures, failures[0]
    assert rounds > 2 and rewritten > 0 and len(reads) > 2
    want = expected.read(project.connection, "public", "t")
    assert_same(project, duck, want)
    assert_equal(want, spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
    maintain(project)
    assert_same(project, duck, want)


def test_killed_at_any_time(shop, duck, spark_new):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read')")
    chance = random.Random(5)
    for number in range(4):
        spark_new.sql(f"INSERT INTO {table} SELECT id + {1000 + 100 * number}, 'more', 1.00, NULL FROM range(0, 60, 1, 6)")
        project.connection.execute(f"INSERT INTO t SELECT g + {1000 + 100 * number}, 'more', 1.00, NULL FROM generate_series(0, 59) g")
        for statement in (f"DELETE FROM {{}} WHERE id % 7 = {number}",):
            spark_new.sql(statement.format(table))
            project.connection.execute(statement.format("t"))
        for _ in range(4):
            process = project.start("maintain", "--source", "s", "--older-than", "0s", "--delete-ratio", "1")
            time.sleep(chance.uniform(0.005, 0.08))
            process.kill()
            process.communicate()
            assert_same(project, duck)
    maintain(project, "--older-than", "0s")
    result = maintain(project, "--older-than", "0s")
    assert result["rewritten_files"] == 0 and result["after"]["delete_files"] == 0 and result["after"]["snapshots"] == 1
    assert_same(project, duck)
    assert_equal(expected.read(project.connection, "public", "t"), spark_new.read(project.warehouse, NAMESPACE, "t"), "Spark")
    # What the killed runs have left are orphans at most, and what they had only begun is gone.
    for path in folder(project).rglob("*"):
        if path.is_file():
            make_old(path, 4)
    maintain(project, "--only", "orphans")
    assert files_of(project) - {"metadata/version-hint.text"} == referenced(project)
    assert_same(project, duck)


@pytest.mark.parametrize("upgraded", (False, True))
@pytest.mark.parametrize("point", ("deletes.after-files", "deletes.after-commit", "orphans.mid-delete"))
def test_killed_among_delete_files_and_orphans(shop, duck, spark_new, point, upgraded):
    project = shop()
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read', 'write.delete.granularity'='partition')")
    insert(project, spark_new, table, 1000, 1001, 1002)
    for rest in (0, 1):
        for statement in (f"DELETE FROM {{}} WHERE id % 20 = {rest}",):
            spark_new.sql(statement.format(table))
            project.connection.execute(statement.format("t"))
    if upgraded:
        spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('format-version'='3')")
    orphans = [folder(project) / "data" / f"orphan-{number}.parquet" for number in range(3)]
    for path in orphans:
        path.write_bytes(b"x")
        make_old(path, 4)
    before = delete_files(project)
    process = project.start("maintain", "--source", "s", "--table-filter", "t", "--only", "deletes,orphans", env={"FIRN_CRASH_POINT": point},
                            executable=CRASH_BINARY)
    _, error = process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL, f"{point} was not met: {process.returncode}\n{error}"
    assert_same(project, duck)
    assert (delete_files(project) == before) == (point == "deletes.after-files")
    assert sum(path.exists() for path in orphans) == (2 if point == "orphans.mid-delete" else 3)

    result = maintain(project, "--only", "deletes,orphans")

    found = delete_files(project)
    assert {form for form, _ in found} == {"PUFFIN" if upgraded else "PARQUET"} and result["after"]["delete_files"] == len(found)
    assert sum(rows for _, rows in found) == sum(rows for _, rows in before)
    assert not any(path.exists() for path in orphans)
    assert [path for path in (project.folder / "checkpoints").rglob("*") if path.is_file() and path.name != "lock"] == []
    assert_same(project, duck)


@pytest.mark.parametrize("version", (2, 3))
@pytest.mark.parametrize("point", ("compact.after-files", "compact.after-commit", "expire.after-commit", "expire.mid-delete"))
def test_killed_at_a_point_and_run_again(shop, duck, spark_new, point, version):
    project = shop(version)
    table = spark_new.table(project.warehouse, NAMESPACE, "t")
    for number in range(5):
        insert(project, spark_new, table, 1000 + number)
    before = files_of(project)
    snapshots = len(project.lake.metadata(NAMESPACE, "t")["snapshots"])

    process = project.start("maintain", "--source", "s", "--older-than", "0s", "--table-filter", "t",
                            env={"FIRN_CRASH_POINT": point}, executable=CRASH_BINARY)
    _, error = process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL, f"{point} was not met: {process.returncode}\n{error}"
    assert_same(project, duck)
    metadata, gone = project.lake.metadata(NAMESPACE, "t"), before - files_of(project)
    if point == "compact.after-files":
        assert len(metadata["snapshots"]) == snapshots and len(list((folder(project) / "data").rglob("*.parquet"))) == 7
    elif point == "compact.after-commit":
        assert len(metadata["snapshots"]) == snapshots + 1
    else:
        assert len(metadata["snapshots"]) == 1
    assert bool(gone) == (point == "expire.mid-delete"), gone

    result = maintain(project, "--older-than", "0s")

    assert result["after"]["data_files"] == 1 and result["after"]["snapshots"] == 1
    assert_same(project, duck)
    assert [path for path in (project.folder / "checkpoints").rglob("*") if path.is_file() and path.name != "lock"] == []
    # A file that was made and not committed went with the list that names it; what had expired already waits for its age.
    if point.startswith("compact"):
        assert len(list((folder(project) / "data").rglob("*.parquet"))) == 1
    for path in folder(project).rglob("*"):
        if path.is_file():
            make_old(path, 4)
    maintain(project, "--only", "orphans")
    assert files_of(project) - {"metadata/version-hint.text"} == referenced(project)
    assert_same(project, duck)


# ------------------------------------------------------------------ the command

@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_unwritable_warehouse(shop, duck):
    project = shop()
    project.load("s", "--no-resume")
    nobody = pwd.getpwnam("nobody")
    binary = project.folder / "firn"
    shutil.copy2(BINARY, binary)
    for path in [project.folder, *project.folder.rglob("*")]:
        os.chmod(path, 0o755 if path.is_dir() or path == binary else 0o644)
    for name in ("logs", "checkpoints", "checkpoints/s"):
        (project.folder / name).mkdir(exist_ok=True)
        os.chmod(project.folder / name, 0o777)
    for path in (project.folder / "checkpoints").rglob("*"):
        os.chmod(path, 0o777)
    done = subprocess.run([binary, "maintain", "--source", "s", "--older-than", "0s"], cwd=project.folder, text=True,
                          env=project.full_environment(), capture_output=True, user=nobody.pw_uid, group=nobody.pw_gid,
                          extra_groups=[], timeout=120, check=False)
    assert done.returncode == 1, done
    assert "FIRN-3003" in done.stdout and "ermission" in done.stdout, done
    assert_same(project, duck)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_full_disk(shop, project, duck, spark_new):
    """The disk fills in the middle of a compaction: the table stays, and the same command goes on afterwards."""
    project.warehouse.mkdir()
    rows = "INSERT INTO t SELECT g, md5(g::text) || md5('a' || g), 0, NULL FROM generate_series(1000, 250000) g"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(project.warehouse)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr.decode()}")
    try:
        shop()
        project.connection.execute(rows)
        project.load("s", "--no-resume")
        # One file of more than the target: it is to become several.
        table = spark_new.table(project.warehouse, NAMESPACE, "t")
        spark_new.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.target-file-size-bytes'='4000000')")
        before, disk = files_of(project), os.statvfs(project.warehouse)
        room = (disk.f_blocks - disk.f_bfree) * disk.f_frsize + 1_000_000
        subprocess.run(["mount", "-o", f"remount,size={room}", str(project.warehouse)], check=True)

        result = project.run("maintain", "--source", "s", "--table-filter", "t", "--format", "json").expect(74)

        line = valid(result.json, "maintain")["tables"][0]
        assert line["error"] == "FIRN-3002" and "FIRN-3002" in result.err and "--only orphans,expire" in result.err, result
        assert project.run_json()["exit_code"] == 74
        assert files_of(project) == before
        assert_same(project, duck)

        subprocess.run(["mount", "-o", "remount,size=200m", str(project.warehouse)], check=True)
        result = maintain(project, "--table-filter", "t")
        assert result["rewritten_files"] == 1 and result["after"]["data_files"] > 1
        assert_same(project, duck)
    finally:
        subprocess.run(["umount", str(project.warehouse)], check=True)


def test_nothing_to_maintain(project, new_database):
    name, _ = new_database("CREATE TABLE t (id int)")
    project.source("s", name, "public")
    result = project.run("maintain", "--source", "s").expect(66)
    assert "firn load" in result.err
