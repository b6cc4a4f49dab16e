"""partition_by and sort_by: every transform, pruning as PyIceberg plans it, and the inspect tables."""
import datetime
import os
import uuid

import pyarrow.parquet as pq
import pytest

import expected
from judges import assert_equal, canonical_column, read_pyiceberg

EVENTS = """
CREATE TABLE events (id int PRIMARY KEY, kind text, at timestamp, zoned timestamptz, day date, big bigint, amount numeric(12,3),
  code uuid, raw bytea, flag boolean);
INSERT INTO events SELECT g, CASE WHEN g % 10 > 0 THEN (ARRAY['click', 'view', 'buy', 'a/b=c d', 'ünïcödé 🐘', ''])[1 + g % 6] END,
  timestamp '2025-11-01' + g * interval '7 hours', CASE WHEN g % 50 > 0 THEN timestamptz '1969-12-01 00:00+00' + g * interval '5 hours' END,
  date '1969-06-01' + g, (g - 300) * 10000000000, (g - 300) * 1.5, md5(g::text)::uuid, decode(md5(g::text), 'hex'), g % 3 = 0
FROM generate_series(1, 600) g;
"""
NAMESPACE = "bronze.e"


@pytest.fixture
def events(project, new_database):
    project.database, project.connection = new_database(EVENTS)

    def load(**table):
        project.source("e", project.database, "public", tables={"events": table})
        project.load("e")
        project.table = project.lake.static_table(NAMESPACE, "events")
        project.want = expected.read(project.connection, "public", "events")
        return project
    return load


def spec(project):
    return [(str(field.transform), project.table.schema().find_column_name(field.source_id)) for field in project.table.spec().fields]


TRANSFORMS = [
    ("kind", "identity", "kind"), ("day", "identity", "day"), ("flag", "identity", "flag"), ("year(at)", "year", "at"),
    ("month(at)", "month", "at"), ("day(at)", "day", "at"), ("hour(at)", "hour", "at"), ("year(zoned)", "year", "zoned"),
    ("month(zoned)", "month", "zoned"), ("day(zoned)", "day", "zoned"), ("hour(zoned)", "hour", "zoned"), ("year(day)", "year", "day"),
    ("month(day)", "month", "day"), ("day(day)", "day", "day"), ("bucket(8, id)", "bucket[8]", "id"), ("bucket(8, big)", "bucket[8]", "big"),
    ("bucket(4, kind)", "bucket[4]", "kind"), ("bucket(4, code)", "bucket[4]", "code"), ("bucket(4, raw)", "bucket[4]", "raw"),
    ("bucket(4, day)", "bucket[4]", "day"), ("bucket(4, at)", "bucket[4]", "at"), ("bucket(4, zoned)", "bucket[4]", "zoned"),
    ("bucket(4, amount)", "bucket[4]", "amount"), ("truncate(100, id)", "truncate[100]", "id"),
("truncate(2, kind)", "truncate[2]", "kind"), ("truncate(50, amount)", "truncate[50]", "amount"),
    ("truncate(1, raw)", "truncate[1]", "raw"),
]


@pytest.mark.parametrize("text,transform,column", TRANSFORMS)
def test_each_transform(events, duck, text, transform, column):
    """The rows are all there, and every file holds exactly the partition that its manifest says: PyIceberg computes it anew."""
    project = events(partition_by=[text])
    assert spec(project) == [(transform, column)]
    assert_equal(project.want, read_pyiceberg(project.lake, NAMESPACE, "events"), "PyIceberg")
    assert_equal(project.want, duck.read(project.lake, NAMESPACE, "events"), "DuckDB")
    field = project.table.spec().fields[0]
    compute = field.transform.transform(project.table.schema().find_type(field.source_id))
    kind = dict(project.want.columns)[column]
    partitions = set()
    for task in project.table.scan().plan_files():
        stored = task.file.partition[0]
        partitions.add(stored)
        content = pq.read_table(task.file.file_path.removeprefix("file://"), columns=[column])
        for value in set(canonical_column(kind, content.column(0), column)):
            assert compute(uuid.UUID(value) if kind.name == "uuid" and value else value) == stored, (text, value, stored)
    assert len(partitions) > 1
    assert len(list(project.table.scan().plan_files())) == len(partitions), "a partition has more than one file"


def test_spark_agrees_on_buckets_and_prunes(events, spark_old):
    """Iceberg's own Java computes the same partition for every row: its filters find them."""
    project = events(partition_by=["bucket(4, code)", "month(at)", "truncate(2, kind)"])
    table = spark_old.table(project.warehouse, NAMESPACE, "events")
    assert_equal(project.want, spark_old.read(project.warehouse, NAMESPACE, "events"), "Spark")
    for row in project.want.rows[::60]:
        kind = "IS NULL" if row[1] is None else f"= '{row[1]}'"
        assert spark_old.sql(f"SELECT id FROM {table} WHERE code = '{row[7]}' AND kind {kind}") == [[str(row[0])]]
    partitions = spark_old.sql(f"SELECT sum(record_count), count(*) FROM {table}.partitions")
    assert partitions[0][0] == "600" and int(partitions[0][1]) > 10


def test_files_are_pruned(events):
    project = events(partition_by=["month(at)"])
    everything = len(list(project.table.scan().plan_files()))
    one = list(project.table.scan(row_filter="at >= '2025-12-01T00:00:00' and at < '2026-01-01T00:00:00'").plan_files())
    assert everything > 3 and len(one) == 1
    assert one[0].file.record_count == sum(
        1 for row in project.want.rows if expected.parse_micros("2025-12-01 00:00:00") <= row[2] < expected.parse_micros("2026-01-01 00:00:00"))


def test_several_fields(events, duck):
    project = events(partition_by=["kind", "year(day)", "bucket(2, id)"])
    assert spec(project) == [("identity", "kind"), ("year", "day"), ("bucket[2]", "id")]
    assert_equal(project.want, read_pyiceberg(project.lake, NAMESPACE, "events"), "PyIceberg")
    assert_equal(project.want, duck.read(project.lake, NAMESPACE, "events"), "DuckDB")


def test_sort_by(events):
    project = events(sort_by=["kind", "amount desc"])
    order = project.table.sort_order()
    assert [(project.table.schema().find_column_name(field.source_id), field.direction.name) for field in order.fields] == \
        [("kind", "ASC"), ("amount", "DESC")]
    assert_equal(project.want, read_pyiceberg(project.lake, NAMESPACE, "events"), "PyIceberg")


def test_unknown_transform(project, new_database):
    name, _ = new_database(EVENTS)
    project.source("e", name, "public", tables={"events": {"partition_by": ["montly(at)"]}})
    result = project.run("load", "--source", "e")
    assert result.code in (1, 64) and "montly" in result.err


def test_transform_that_does_not_fit_the_type(project, new_database):
    name, _ = new_database(EVENTS)
    project.source("e", name, "public", tables={"events": {"partition_by": ["month(kind)"]}})
    result = project.run("load", "--source", "e")
    assert result.code in (1, 64) and "FIRN-3203" in result.err and "kind" in result.err


def test_inspect_tables(events):
    project = events(partition_by=["month(at)"], exclude_columns=["code"])  # PyIceberg cannot inspect a uuid
    table = project.table
    snapshots = table.inspect.snapshots().to_pylist()
    assert len(snapshots) >= 1 and snapshots[-1]["operation"] in ("append", "overwrite")
    summary = dict(snapshots[-1]["summary"])
    assert summary["total-records"] == "600"
    assert {"firn.commit-id", "firn.position", "firn.correlation-id", "firn.coerced-values"} <= set(summary)
    files = table.inspect.files().to_pylist()
    assert sum(item["record_count"] for item in files) == 600
    for item in files:
        assert item["file_format"] == "PARQUET" and item["content"] == 0
        metrics = item["readable_metrics"]
        assert metrics["id"]["value_count"] == item["record_count"] and metrics["id"]["null_value_count"] == 0
        assert metrics["id"]["lower_bound"] >= 1 and metrics["id"]["upper_bound"] <= 600
        assert isinstance(metrics["at"]["lower_bound"], datetime.datetime)
    assert int(summary["total-data-files"]) == len(files)
    assert int(summary["total-files-size"]) == sum(item["file_size_in_bytes"] for item in files)
    entries = table.inspect.entries().to_pylist()
    assert len(entries) == len(files) and {item["status"] for item in entries} == {1}
    partitions = table.inspect.partitions().to_pylist()
    assert sum(item["record_count"] for item in partitions) == 600 and len(partitions) == len(files)
    manifests = table.inspect.manifests().to_pylist()
    assert sum(item["added_data_files_count"] for item in manifests) == len(files)
    assert all(item["partition_summaries"][0]["lower_bound"] for item in manifests)
    assert table.inspect.history().num_rows == len(snapshots)
    assert table.inspect.refs().to_pylist()[0]["name"] == "main"


def test_file_sizes_and_paths_are_true(events):
    """Offsets, sizes and paths of the manifests are those of the files."""
    project = events(partition_by=["kind"], exclude_columns=["code"])
    for item in project.table.inspect.files().to_pylist():
        path = item["file_path"].removeprefix("file://")
        assert os.path.getsize(path) == item["file_size_in_bytes"]
        footer = pq.ParquetFile(path).metadata
        assert footer.num_rows == item["record_count"]
        firsts = [min(group.column(0).dictionary_page_offset or 1 << 60, group.column(0).data_page_offset)
                  for group in (footer.row_group(index) for index in range(footer.num_row_groups))]
        assert item["split_offsets"] in (None, firsts)
        codecs = {footer.row_group(0).column(index).compression for index in range(footer.num_columns)}
        assert codecs <= {"ZSTD", "UNCOMPRESSED"}
