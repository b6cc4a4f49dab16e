"""Parquet files of firn (parquet_gen: random rows of every type and nesting), read by PyArrow, DuckDB and Spark.

PyArrow also checks every bound and count of the footer; parquet-mr (in Spark) filters by the page index.
"""
import decimal
import itertools
import json
import math
import os
import pathlib
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e"), str(pathlib.Path(__file__).resolve().parent)]

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_parquet_reader import canonical, spark_parquet  # noqa: F401  (a fixture)

GEN = pathlib.Path(os.environ.get("FIRN_BUILD_DIR", ROOT / "build")) / "tests" / "unit_peers" / "parquet_gen"
BOUND_MAX = 64


def generate(folder, seed, *options):
    path, values = folder / f"{seed}.parquet", folder / f"{seed}.json"
    subprocess.run([str(GEN), str(seed), str(path), str(values), *options], check=True)
    document = json.loads(values.read_text())
    batches = document["batches"]
    columns = [list(itertools.chain.from_iterable(parts)) for parts in zip(*batches)] if batches else None
    return path, columns, document["info"]


def flat(column):
    """The array of a column in one piece."""
    column = column.combine_chunks()
    return column if isinstance(column, pa.Array) else \
        (column.chunk(0) if column.num_chunks else pa.array([], column.type))


def assert_columns(path, table, expected):
    if expected is None:
        assert table.num_rows == 0
        return
    for name, column, values in zip(table.column_names, table.columns, expected):
        found = canonical(flat(column))
        if found == values:
            continue
        assert len(found) == len(values), f"{path}: {name} has {len(found)} rows instead of {len(values)}"
        for row, (value, wanted) in enumerate(zip(found, values)):
            assert value == wanted, f"{path}: {name}, row {row}: {value!r} instead of {wanted!r}"


@pytest.mark.parametrize("seed", range(24))
def test_pyarrow_reads_the_values(tmp_path, seed):
    path, expected, info = generate(tmp_path, seed)
    file = pq.ParquetFile(path, page_checksum_verification=True)
    assert file.metadata.num_rows == info["row_count"]
    assert path.stat().st_size == info["size_bytes"]
    assert_columns(path, file.read(), expected)
    assert_columns(path, file.read(use_threads=False), expected)


@pytest.mark.parametrize("seed", range(8))
def test_duckdb_reads_the_values(tmp_path, seed):
    path, expected, _ = generate(tmp_path, seed)
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'UTC'; SET threads = 2")
        table = connection.execute(f"SELECT * FROM read_parquet('{path}')").fetch_arrow_table()
        kinds = pq.ParquetFile(path).schema_arrow
        for name, column, values in zip(table.column_names, table.columns, expected or []):
            found = canonical(flat(column))
            if isinstance(kinds.field(name).type, pa.BaseExtensionType) and pa.types.is_string(column.type):
                # DuckDB gives UUIDs as text
                found = [None if v is None else bytes.fromhex(v).decode().replace("-", "") for v in found]
            assert found == values, name


# ------------------------------------------------------------------ statistics

def leaves(values, kind):
    """(leaf type, non-null leaf values, slots without a value) of each leaf, depth first."""
    if pa.types.is_struct(kind):
        for i in range(kind.num_fields):
            yield from leaves([None if v is None else v[i] for v in values], kind.field(i).type)
    elif pa.types.is_map(kind):
        for i, child in enumerate((kind.key_type, kind.item_type)):
            yield from leaves([e if e is None else e[i] for e in slots(values)], child)
    elif pa.types.is_list(kind):
        yield from leaves(slots(values), kind.value_type)
    else:
        yield kind, [v for v in values if v is not None], sum(v is None for v in values)


def slots(lists):
    """Elements, and one None for each null or empty list."""
    return list(itertools.chain.from_iterable(entry if entry else [None] for entry in lists))


def is_text(kind):
    return pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or \
        isinstance(kind, pa.BaseExtensionType)


def order_key(kind, value):
    """Something that orders as Parquet does."""
    if is_text(kind):
        return bytes.fromhex(value)
    if pa.types.is_floating(kind):
        return struct.unpack("<f" if kind.bit_width == 32 else "<d", bytes.fromhex(value))[0]
    if pa.types.is_decimal(kind):
        return int(decimal.Decimal(value).scaleb(kind.scale, decimal.Context(prec=50)))
    return value


def decode_bound(kind, raw):
    """PLAIN bytes of a bound as order_key has it."""
    raw = bytes.fromhex(raw)
    if is_text(kind):
        return raw
    if pa.types.is_floating(kind):
        return struct.unpack("<f" if kind.bit_width == 32 else "<d", raw)[0]
    if pa.types.is_boolean(kind):
        return raw == b"\1"
    return int.from_bytes(raw, "big" if pa.types.is_decimal(kind) and kind.precision > 18 else "little", signed=True)


def assert_bounds(place, kind, keys, low, high):
    """low ≤ all ≤ high, and equal to the ends where they are not cut."""
    keys = [key for key in keys if not (isinstance(key, float) and math.isnan(key))]
    # UUIDs have none: see value_stats_bounds
    if not keys or isinstance(kind, pa.BaseExtensionType):
        assert low is None and high is None, place
        return
    if is_text(kind) and len(min(keys)) > BOUND_MAX:
        if low is not None:
            assert low <= min(keys) and min(keys).startswith(low) and len(low) > BOUND_MAX - 4, place
    else:
        assert low == min(keys), place
    if is_text(kind) and len(max(keys)) > BOUND_MAX:
        if high is not None:
            assert high > max(keys) and len(high) <= BOUND_MAX, place
            if pa.types.is_string(kind):
                high.decode()
    else:
        assert high == max(keys), place
    for bound, sign in ((low, -1.0), (high, 1.0)):
        if isinstance(bound, float) and bound == 0:
            assert math.copysign(1, bound) == sign, place


def statistics_bound(kind, value):
    if value is None:
        return None
    if is_text(kind):
        return value.encode() if isinstance(value, str) else bytes(value)
    if pa.types.is_decimal(kind):
        return int(value.scaleb(kind.scale, decimal.Context(prec=50)))
    return value


@pytest.mark.parametrize("seed", range(16))
def test_statistics_are_true(tmp_path, seed):
    path, expected, info = generate(tmp_path, seed)
    file = pq.ParquetFile(path)
    kinds = [field.type for field in file.schema_arrow]
    if expected is None:
        return
    by_leaf = [leaf for kind, values in zip(kinds, expected) for leaf in leaves(values, kind)]
    assert len(by_leaf) == len(info["columns"]) == file.metadata.num_columns
    for number, ((kind, values, null_count), column) in enumerate(zip(by_leaf, info["columns"])):
        place = file.schema.column(number).path
        keys = [order_key(kind, value) for value in values]
        assert column["value_count"] == len(values) + null_count, place
        assert column["null_count"] == null_count, place
        assert column["nan_count"] == sum(isinstance(key, float) and math.isnan(key) for key in keys), place
        assert column["compressed_bytes"] == sum(
            file.metadata.row_group(g).column(number).total_compressed_size for g in range(file.num_row_groups)), place
        if file.schema.column(number).max_repetition_level:
            assert "min" not in column and "max" not in column, place
        else:
            low, high = (decode_bound(kind, column[end]) if end in column else None for end in ("min", "max"))
            assert_bounds(place, kind, keys, low, high)

    first = 0
    for group in range(file.num_row_groups):
        meta = file.metadata.row_group(group)
        rows = [values[first:first + meta.num_rows] for values in expected]
        first += meta.num_rows
        assert info["row_group_offset"][group] == min(
            meta.column(0).data_page_offset, meta.column(0).dictionary_page_offset or meta.column(0).data_page_offset)
        for number, (kind, values, null_count) in enumerate(
                leaf for kind, column in zip(kinds, rows) for leaf in leaves(column, kind)):
            chunk = meta.column(number)
            place = f"{chunk.path_in_schema}, row group {group}"
            assert chunk.num_values == len(values) + null_count, place
            assert chunk.statistics.null_count == null_count, place
            assert chunk.has_offset_index, place
            temporal = pa.types.is_temporal(kind)
            if chunk.statistics.has_min_max and not temporal and not isinstance(kind, pa.BaseExtensionType):
                assert_bounds(place, kind, [order_key(kind, value) for value in values],
                              statistics_bound(kind, chunk.statistics.min), statistics_bound(kind, chunk.statistics.max))


def test_field_ids_are_on_every_level(tmp_path):
    path, _, info = generate(tmp_path, 1)
    ids = []

    def collect(field):
        ids.append(int(field.metadata[b"PARQUET:field_id"]))
        kind = field.type
        if pa.types.is_map(kind):
            collect(kind.key_field)
            collect(kind.item_field)
        elif pa.types.is_list(kind):
            collect(kind.value_field)
        elif pa.types.is_struct(kind):
            for i in range(kind.num_fields):
                collect(kind.field(i))

    for field in pq.ParquetFile(path).schema_arrow:
        collect(field)
    assert sorted(ids) == list(range(1, len(ids) + 1))
    assert {column["field_id"] for column in info["columns"]} <= set(ids)


def test_encodings_and_writer_are_named(tmp_path):
    path, _, _ = generate(tmp_path, 2)
    metadata = pq.ParquetFile(path).metadata
    assert metadata.created_by.startswith("firn version ")
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            assert set(metadata.row_group(group).column(number).encodings) <= {"PLAIN", "RLE", "RLE_DICTIONARY"}


# ------------------------------------------------------------------ filters

@pytest.mark.parametrize("seed", range(100, 106))
def test_duckdb_filters_agree(tmp_path, seed):
    """DuckDB skips row groups by their bounds."""
    path, _, _ = generate(tmp_path, seed)
    with duckdb.connect() as connection:
        connection.execute(f"SET timezone = 'UTC'; CREATE TABLE t AS SELECT * FROM read_parquet('{path}')")
        for name, kind, *_ in connection.execute("DESCRIBE t").fetchall():
            # nested ones have no bounds; Python's side of timestamptz wants a library more
            if "[" in kind or "(" in kind and not kind.startswith("DECIMAL") or "ZONE" in kind:
                continue
            samples = connection.execute(f'SELECT DISTINCT "{name}" FROM t WHERE "{name}" IS NOT NULL LIMIT 5').fetchall()
            for (value,), operator in itertools.product(samples, ("=", "<", ">=")):
                counts = [connection.execute(f'SELECT count(*) FROM {source} WHERE "{name}" {operator} ?::{kind}',
                                             [value]).fetchone()[0] for source in ("t", f"read_parquet('{path}')")]
                assert counts[0] == counts[1], f"{name} {operator} {value!r}"


# ------------------------------------------------------------------ Spark

@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 204))
@pytest.mark.parametrize("vectorized", ["true", "false"])
def test_spark_reads_the_values(spark_parquet, tmp_path, seed, vectorized):  # noqa: F811
    """Spark's readers (the vectorised one, and parquet-mr's) read firn's file; what Spark writes of it is compared."""
    path, expected, _ = generate(tmp_path, seed, "plain")
    spark_parquet(f"SET spark.sql.parquet.enableVectorizedReader={vectorized}")
    for setting in ("datetimeRebaseModeInRead", "datetimeRebaseModeInWrite"):
        spark_parquet(f"SET spark.sql.parquet.{setting}=CORRECTED")
    spark_parquet("SET spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS")
    spark_parquet("SET spark.sql.parquet.writeLegacyFormat=false")
    spark_parquet("SET spark.sql.files.maxPartitionBytes=1g")
    spark_parquet(f"INSERT OVERWRITE DIRECTORY 'file://{tmp_path}/copy' USING parquet "
                  f"SELECT /*+ COALESCE(1) */ * FROM parquet.`file://{path}`")
    table = pa.concat_tables([pq.ParquetFile(part).read() for part in sorted((tmp_path / "copy").glob("*.parquet"))])
    assert_columns(path, table, expected)


@pytest.mark.slow
@pytest.mark.parametrize("vectorized", ["true", "false"])
def test_spark_filters_by_the_page_index(spark_parquet, tmp_path, vectorized):  # noqa: F811
    """parquet-mr skips pages by our column index and finds rows by our offset index."""
    spark_parquet(f"SET spark.sql.parquet.enableVectorizedReader={vectorized}")
    for seed in (300, 302):
        path, expected, _ = generate(tmp_path, seed, "plain")
        if expected is None:
            continue
        source = f"parquet.`file://{path}`"
        kinds = [field.type for field in pq.ParquetFile(path).schema_arrow]
        names = pq.ParquetFile(path).schema_arrow.names
        for name, kind, values in zip(names, kinds, expected):
            if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_decimal(kind)):
                continue
            present = sorted({value for value in values if value is not None})
            for value in present[:2] + present[-1:]:
                literal = f"cast(unhex('{value}') as string)" if pa.types.is_string(kind) else \
                    f"cast('{value}' as decimal({kind.precision},{kind.scale}))" if pa.types.is_decimal(kind) else \
                    f"cast('{value}' as {'int' if kind.bit_width == 32 else 'bigint'})"
                found = spark_parquet(f"SELECT count(*), count(`{names[0]}`) FROM {source} WHERE `{name}` = {literal}")
                rows = [i for i, other in enumerate(values) if other == value]
                wanted = [len(rows), sum(expected[0][i] is not None for i in rows)]
                assert [int(count) for count in found[0]] == wanted, (seed, name, value)
