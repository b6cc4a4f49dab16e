"""Parquet files of other writers, read by firn (parquet_cat) and by PyArrow: value by value.

PyArrow's option matrix, DuckDB, Spark, and apache/parquet-testing (tests/data/parquet-testing, see its ORIGIN.md).
"""
import datetime
import decimal
import itertools
import json
import math
import os
import pathlib
import random
import resource
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e")]

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CAT = pathlib.Path(os.environ.get("FIRN_BUILD_DIR", ROOT / "build")) / "tests" / "unit_peers" / "parquet_cat"
TESTING = ROOT / "tests" / "data" / "parquet-testing"
EX_CORRUPT, EX_UNSUPPORTED = 65, 69
CRASH_FREE = (0, EX_CORRUPT, EX_UNSUPPORTED)


# ------------------------------------------------------------------ both sides in one form

class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def firn_rows(path, *options, timeout=60):
    """(column names, rows) as firn reads it, or Refused."""
    done = subprocess.run([str(CAT), str(path), *map(str, options)], capture_output=True, timeout=timeout, check=False)
    if done.returncode:
        raise Refused(done.returncode, done.stderr.decode(errors="replace"))
    lines = done.stdout.split(b"\n")[:-1]
    return [column[0] for column in json.loads(lines[0])], [json.loads(line) for line in lines[1:]]


def hexed(values):
    return [None if value is None else bytes(value).hex() for value in values]


def bits(array, width):
    """The bytes of fixed-size values, little-endian."""
    integers = array.view({2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[width]).to_pylist()
    return [None if value is None else value.to_bytes(width, "little", signed=True).hex() for value in integers]


def micros(array, unit):
    factor = {"s": 1000000, "ms": 1000, "us": 1}.get(unit)
    integers = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64()).to_pylist()
    return [None if value is None else value * factor if factor else value // 1000 for value in integers]


def canonical_lists(array, children):
    offsets = array.offsets.to_pylist()
    return [children[offsets[i]:offsets[i + 1]] if valid else None
            for i, valid in enumerate(array.is_valid().to_pylist())]


def canonical_nested(array):
    kind = array.type
    if pa.types.is_struct(kind):
        columns = [canonical(array.field(i)) for i in range(kind.num_fields)]
        return [list(values) if valid else None
                for values, valid in zip(zip(*columns) if columns else [()] * len(array), array.is_valid().to_pylist())]
    if pa.types.is_map(kind):
        return canonical_lists(array, [list(pair) for pair in zip(canonical(array.keys), canonical(array.items))])
    if pa.types.is_fixed_size_list(kind):
        children, size = canonical(array.values), kind.list_size
        start = array.offset
        return [children[(start + i) * size:(start + i + 1) * size] if valid else None
                for i, valid in enumerate(array.is_valid().to_pylist())]
    return canonical_lists(array, canonical(array.values))


def canonical(array):
    """Python values in the form that parquet_cat prints."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return canonical(array.storage)
    if pa.types.is_dictionary(kind):
        return canonical(array.dictionary_decode())
    if pa.types.is_nested(kind):
        return canonical_nested(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind) or \
            pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        if not pa.types.is_fixed_size_binary(kind):
            array = array.cast(pa.large_binary())
        return hexed(array.to_pylist())
    if pa.types.is_float16(kind):
        return bits(pa.array([None if v is None else float(v) for v in array.to_pylist()], pa.float32()), 4)
    if pa.types.is_floating(kind):
        return bits(array, kind.bit_width // 8)
    if pa.types.is_decimal(kind):
        return [None if value is None else format(value, "f") for value in array.to_pylist()]
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return micros(array, kind.unit)
    if pa.types.is_duration(kind):
        return array.view(pa.int64()).to_pylist()
    if pa.types.is_date(kind):
        return array.cast(pa.date32()).view(pa.int32()).to_pylist()
    if pa.types.is_uint64(kind):
        return [None if value is None else str(value) for value in array.to_pylist()]
    return array.to_pylist()


def arrow_rows(path):
    table = pq.ParquetFile(path, coerce_int96_timestamp_unit="us").read()
    columns = [canonical(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))
               for column in table.columns]
    return table.column_names, [list(row) for row in zip(*columns)] if columns else []


def is_nan_text(value):
    if not isinstance(value, str) or len(value) not in (8, 16):
        return False
    try:
        return math.isnan(struct.unpack("<f" if len(value) == 8 else "<d", bytes.fromhex(value))[0])
    except ValueError:
        return False


def same(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (is_nan_text(a) and is_nan_text(b))


def assert_same(path, names, rows, expected_names, expected):
    assert names == expected_names
    assert len(rows) == len(expected), f"{path}: {len(rows)} rows instead of {len(expected)}"
    if rows == expected:
        return
    for number, (row, wanted) in enumerate(zip(rows, expected)):
        for name, value, right in zip(names, row, wanted):
            assert same(value, right), f"{path}: row {number}, column {name}: {value!r} instead of {right!r}"


def check(path, *options):
    """firn's rows are PyArrow's, in one piece and in small ones."""
    names, rows = firn_rows(path, *options)
    assert_same(path, names, rows, *arrow_rows(path))
    return rows


# ------------------------------------------------------------------ apache/parquet-testing

# What firn refuses by design, and the word that the message must have.
REFUSED = {
    "large_string_map.brotli.parquet": (EX_UNSUPPORTED, "Brotli"),
    "datapage_v1-corrupt-checksum.parquet": (EX_CORRUPT, "checksum"),
    "rle-dict-uncompressed-corrupt-checksum.parquet": (EX_CORRUPT, "checksum"),
    "int96_from_spark.parquet": (EX_CORRUPT, "does not fit"),  # a value beyond 64 bits of microseconds
}


def files_of(folder, pattern="*.parquet"):
    return sorted(path.name for path in (TESTING / folder).glob(pattern))


@pytest.mark.parametrize("name", files_of("data"))
def test_good_file(name):
    path = TESTING / "data" / name
    if name in REFUSED:
        with pytest.raises(Refused) as refused:
            firn_rows(path)
        assert refused.value.code == REFUSED[name][0]
        assert REFUSED[name][1] in str(refused.value)
        return
    names, rows = firn_rows(path)
    try:
        expected = arrow_rows(path)
    except (pa.ArrowException, OSError) as reason:
        pytest.skip(f"PyArrow refuses it: {reason}")
    assert_same(path, names, rows, *expected)
    if rows:
        assert firn_rows(path, "--batch", 3)[1] == rows
    if 0 < len(rows) <= 1000:
        assert firn_rows(path, "--back")[1] == rows[::-1]


@pytest.mark.parametrize("name", files_of("data", "*.encrypted"))
def test_encrypted_file_is_refused(name):
    with pytest.raises(Refused) as refused:
        firn_rows(TESTING / "data" / name)
    assert refused.value.code == EX_UNSUPPORTED
    assert "encrypted" in str(refused.value)


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


@pytest.mark.parametrize("name", files_of("bad_data"))
def test_bad_file(name):
    done = subprocess.run([str(CAT), str(TESTING / "bad_data" / name)], capture_output=True, timeout=20, check=False,
                          preexec_fn=None if "san" in str(CAT) else limited)
    if name == "ARROW-GH-43605.parquet":  # only odd: indices of no bits; all readers have learnt it
        assert done.returncode == 0
        return
    assert done.returncode in (EX_CORRUPT, EX_UNSUPPORTED), done.stderr
    assert b"parquet_cat: " in done.stderr


# ------------------------------------------------------------------ PyArrow's matrix

def some(random_source, count, make, nulls=0.2):
    return [None if random_source.random() < nulls else make() for _ in range(count)]


def wide_table(seed, count, nulls=0.2):
    r = random.Random(seed)
    words = ["", "a", "Straße", "\U0001f9ca", "x" * 40, "shared prefix one", "shared prefix two"]
    day = datetime.date(1970, 1, 1)
    moment = datetime.datetime(1970, 1, 1)

    def column(kind, make):
        return pa.array(some(r, count, make, nulls), kind)

    def dec(digits, scale):
        return lambda: decimal.Decimal(r.randrange(-10 ** digits + 1, 10 ** digits)).scaleb(-scale, decimal.Context(prec=76))

    def micro():
        return moment + datetime.timedelta(microseconds=r.randrange(-5 * 10 ** 16, 10 ** 17))

    columns = {
        "bool": column(pa.bool_(), lambda: r.random() < 0.5),
        "int8": column(pa.int8(), lambda: r.randrange(-128, 128)),
        "uint8": column(pa.uint8(), lambda: r.randrange(256)),
        "int16": column(pa.int16(), lambda: r.randrange(-2 ** 15, 2 ** 15)),
        "uint16": column(pa.uint16(), lambda: r.randrange(2 ** 16)),
        "int32": column(pa.int32(), lambda: r.randrange(-2 ** 31, 2 ** 31)),
        "uint32": column(pa.uint32(), lambda: r.randrange(2 ** 32)),
        "int64": column(pa.int64(), lambda: r.randrange(-2 ** 63, 2 ** 63)),
        "small64": column(pa.int64(), lambda: r.randrange(100)),
        "uint64": column(pa.uint64(), lambda: r.randrange(2 ** 64)),
        "rising": pa.array(range(count), pa.int64()),
        "float": column(pa.float32(), lambda: r.choice([r.random(), -0.0, float("nan"), float("inf"), 1e38])),
        "double": column(pa.float64(), lambda: r.choice([r.random(), -0.0, float("nan"), float("-inf"), 1e308])),
        "half": pa.array(some(r, count, lambda: r.uniform(-60000, 60000), nulls), pa.float32()).cast(pa.float16()),
        "dec5": column(pa.decimal128(5, 2), dec(5, 2)),
        "dec15": column(pa.decimal128(15, 4), dec(15, 4)),
        "dec25": column(pa.decimal128(25, 0), dec(25, 0)),
        "dec38": column(pa.decimal128(38, 10), dec(38, 10)),
        "date": column(pa.date32(), lambda: day + datetime.timedelta(days=r.randrange(-700000, 2900000))),
        "time_ms": column(pa.time32("ms"), lambda: r.randrange(86400000)),
        "time_us": column(pa.time64("us"), lambda: r.randrange(86400000000)),
        "time_ns": column(pa.time64("ns"), lambda: r.randrange(86400000000000)),
        "ts_ms": column(pa.timestamp("ms"), lambda: r.randrange(-10 ** 14, 10 ** 14)),
        "ts_us": column(pa.timestamp("us"), micro),
        "ts_ns": column(pa.timestamp("ns"), lambda: r.randrange(-2 ** 62, 2 ** 62)),
        "tstz": column(pa.timestamp("us", "UTC"), lambda: r.randrange(-5 * 10 ** 16, 10 ** 17)),
        "word": column(pa.string(), lambda: r.choice(words)),
        "text": column(pa.string(), lambda: "".join(r.choice("abcdefä") for _ in range(r.randrange(60)))),
        "bytes": column(pa.binary(), lambda: r.randbytes(r.randrange(30))),
        "fixed": column(pa.binary(7), lambda: r.randbytes(7)),
        "nothing": pa.nulls(count, pa.int32()),
        "null": pa.nulls(count),
    }
    return pa.table(columns)


def deep_value(r, kind, nulls):
    if r.random() < nulls:
        return None
    if pa.types.is_struct(kind):
        return {kind.field(i).name: deep_value(r, kind.field(i).type, nulls) for i in range(kind.num_fields)}
    if pa.types.is_map(kind):
        return [(f"k{i}", deep_value(r, kind.item_type, nulls)) for i in range(r.choice([0, 1, 1, 2, 5]))]
    if pa.types.is_list(kind):
        return [deep_value(r, kind.value_type, nulls) for i in range(r.choice([0, 1, 2, 3, 7]))]
    if pa.types.is_string(kind):
        return r.choice(["", "ä", "longer than sixteen bytes", "x"])
    if pa.types.is_boolean(kind):
        return r.random() < 0.5
    if pa.types.is_decimal(kind):
        return decimal.Decimal(r.randrange(-999, 999)).scaleb(-1)
    return r.randrange(-1000, 1000)


def deep_table(seed, count, nulls=0.2):
    r = random.Random(seed)
    leaf = pa.struct([("a", pa.int32()), ("b", pa.string()), ("c", pa.bool_()), ("d", pa.decimal128(20, 1))])
    kinds = {
        "list": pa.list_(pa.int64()), "words": pa.list_(pa.string()), "flags": pa.list_(pa.bool_()),
        "lists": pa.list_(pa.list_(pa.int32())), "deep": pa.list_(pa.list_(pa.list_(pa.string()))),
        "struct": leaf, "structs": pa.list_(leaf), "nested": pa.struct([("s", pa.struct([("l", pa.list_(leaf))])), ("x", leaf)]),
        "map": pa.map_(pa.string(), pa.int64()), "maps": pa.list_(pa.map_(pa.string(), pa.list_(pa.int32()))),
        "map_of_structs": pa.map_(pa.string(), leaf),
    }
    return pa.table({name: pa.array([deep_value(r, kind, nulls) for _ in range(count)], kind)
                     for name, kind in kinds.items()})


COMPRESSIONS = ["none", "snappy", "gzip", "zstd", "lz4"]


@pytest.mark.parametrize("compression,version,dictionary,page", [
    (compression, version, dictionary, page)
    for (compression, version), (dictionary, page) in zip(
        itertools.cycle(itertools.product(COMPRESSIONS, ["1.0", "2.0"])),
        [pair for pair in itertools.product([True, False], [200, 3000, 1 << 20]) for _ in range(3)])])
@pytest.mark.parametrize("make", [wide_table, deep_table])
def test_pyarrow_matrix(tmp_path, make, compression, version, dictionary, page):
    for number, (count, nulls, groups) in enumerate([(1500, 0.2, 1000), (700, 0, 1 << 20), (400, 0.97, 100)]):
        table = make(number, count, nulls)
        path = tmp_path / f"{number}.parquet"
        pq.write_table(table, path, compression=compression, data_page_version=version, use_dictionary=dictionary,
                       data_page_size=page, row_group_size=groups, write_batch_size=64,
                       write_page_index=number % 2 == 0, write_page_checksum=number == 1)
        rows = check(path)
        if number == 0:
            assert firn_rows(path, "--batch", 37)[1] == rows
            few = firn_rows(path, "--rows", "3:2", "--rows", "990:20", "--rows", "1499:9")[1]
            assert few == rows[3:5] + rows[990:1010] + rows[1499:]
        if number == 2:
            assert firn_rows(path, "--back")[1] == rows[::-1]


ENCODINGS = {
    "DELTA_BINARY_PACKED": ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "small64", "uint64", "rising",
                            "date", "time_ms", "time_us", "time_ns", "ts_ms", "ts_us", "ts_ns", "tstz", "nothing"],
    "DELTA_LENGTH_BYTE_ARRAY": ["word", "text", "bytes"],
    "DELTA_BYTE_ARRAY": ["word", "text", "bytes", "fixed", "dec25", "dec38"],
    "BYTE_STREAM_SPLIT": ["int32", "int64", "float", "double", "fixed", "half", "dec25"],
    "RLE": ["bool"],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("nulls", [0, 0.3])
def test_pyarrow_encodings(tmp_path, encoding, version, nulls):
    table = wide_table(5, 2500, nulls).select(ENCODINGS[encoding])
    path = tmp_path / "e.parquet"
    pq.write_table(table, path, use_dictionary=False, column_encoding={name: encoding for name in table.column_names},
                   data_page_version=version, data_page_size=2000, store_decimal_as_integer=False)
    rows = check(path)
    assert firn_rows(path, "--batch", 111, "--rows", "5:1000", "--rows", "2000:100")[1] == rows[5:1005] + rows[2000:2100]


def test_decimals_as_integers(tmp_path):
    table = wide_table(6, 1000).select(["dec5", "dec15", "dec25"])
    for dictionary in (True, False):
        path = tmp_path / f"{dictionary}.parquet"
        pq.write_table(table, path, store_decimal_as_integer=True, use_dictionary=dictionary)
        check(path)


def test_int96(tmp_path):
    table = wide_table(7, 1000).select(["ts_us", "tstz"])
    in_range = pa.table({name: pa.array([v if v is None or 1700 < v.year < 2200 else None for v in table[name].to_pylist()],
                                        table[name].type) for name in table.column_names})
    pq.write_table(in_range, tmp_path / "t.parquet", use_deprecated_int96_timestamps=True)
    check(tmp_path / "t.parquet")


def test_required_columns(tmp_path):
    table = wide_table(8, 3000, 0)
    table = table.select([name for name in table.column_names if table[name].null_count == 0])
    schema = pa.schema([field.with_nullable(False) for field in table.schema])
    pq.write_table(table.cast(schema), tmp_path / "r.parquet", data_page_size=1000)
    check(tmp_path / "r.parquet")


def test_empty_and_narrow_files(tmp_path):
    pq.write_table(wide_table(0, 0), tmp_path / "no_rows.parquet")
    assert check(tmp_path / "no_rows.parquet") == []
    pq.write_table(pa.table({"a": pa.array([[], None, [None], [1]], pa.list_(pa.int32()))}), tmp_path / "few.parquet")
    assert check(tmp_path / "few.parquet") == [[[]], [None], [[None]], [[1]]]
    pq.write_table(pa.table({"a": pa.array([None] * 100000, pa.string())}), tmp_path / "nulls.parquet")
    check(tmp_path / "nulls.parquet")


def test_chosen_columns(tmp_path):
    table = wide_table(3, 500)
    pq.write_table(table, tmp_path / "c.parquet")
    names, rows = firn_rows(tmp_path / "c.parquet", "--columns", "text", "--columns", "int32")
    assert names == ["text", "int32"]
    assert [row[1] for row in rows] == table["int32"].to_pylist()


def test_huge_values_stay_in_memory_limit(tmp_path):
    """A batch gets fewer rows where its strings are large."""
    texts = [bytes([65 + i]) * 500_000 for i in range(20)]
    pq.write_table(pa.table({"t": pa.array(texts * 2, pa.binary()), "n": range(40)}), tmp_path / "big.parquet",
                   data_page_size=1 << 20)
    _, rows = firn_rows(tmp_path / "big.parquet", "--memory", 40_000_000)
    assert [row[1] for row in rows] == list(range(40))
    assert all(row[0] == texts[i % 20].hex() for i, row in enumerate(rows))
    with pytest.raises(Refused) as refused:
        firn_rows(tmp_path / "big.parquet", "--memory", 1_000_000)
    assert refused.value.code == EX_UNSUPPORTED


# ------------------------------------------------------------------ DuckDB and Spark

@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "gzip", "zstd", "lz4_raw"])
def test_duckdb(tmp_path, version, compression):
    path = tmp_path / "d.parquet"
    duckdb.sql(f"""COPY (SELECT i AS id, i % 7 AS few, CASE WHEN i % 3 = 0 THEN NULL ELSE 'text ' || i END AS t,
        i::DECIMAL(9,2) / 4 AS d9, (i * 1000003)::DECIMAL(18,3) AS d18, (i::HUGEINT * 1000000007)::DECIMAL(38,6) AS d38,
        i::DOUBLE / 3 AS f8, i::FLOAT / 3 AS f4, DATE '2000-01-01' + i::INTEGER AS day,
        TIMESTAMP '2000-01-01 00:00:00.123456' + INTERVAL (i) MINUTE AS ts, TIMESTAMPTZ '2000-01-01 00:00:00Z' + INTERVAL (i) HOUR AS tz,
        TIME '01:02:03.456789' AS tm, i % 2 = 0 AS b, ('x' || i)::BLOB AS z, uuid() AS u,
        [i, NULL, i + 1] AS l, {{'a': i, 'b': [i::VARCHAR]}} AS s, MAP {{'k' || i: i}} AS m, NULL::INTEGER AS nothing,
        i::UTINYINT AS u1, i::UINTEGER AS u4, i::UBIGINT AS u8, i::TINYINT AS i1
        FROM range(100) r(i)) TO '{path}' (FORMAT parquet, COMPRESSION {compression}, PARQUET_VERSION {version}, ROW_GROUP_SIZE 2048)""")
    check(path)


@pytest.mark.parametrize("legacy", ["true", "false"])
@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "gzip", "zstd", "lz4raw"])
def test_spark(spark_parquet, tmp_path, legacy, compression):
    folder = tmp_path / "s"
    spark_parquet(f"SET spark.sql.parquet.writeLegacyFormat={legacy}")
    spark_parquet(f"SET spark.sql.parquet.outputTimestampType={'INT96' if legacy == 'true' else 'TIMESTAMP_MICROS'}")
    spark_parquet(f"SET spark.sql.parquet.compression.codec={compression}")
    spark_parquet(f"""INSERT OVERWRITE DIRECTORY 'file://{folder}' USING parquet
        SELECT id, id % 7 AS few, IF(id % 3 = 0, NULL, concat('text ', id)) AS t, CAST(id AS DECIMAL(7,2)) AS d7,
        CAST(id * 1000003 AS DECIMAL(17,3)) AS d17, CAST(id AS DECIMAL(38,6)) AS d38, CAST(id AS DOUBLE) / 3 AS f8,
        CAST(id AS FLOAT) AS f4, date_add(DATE '2000-01-01', CAST(id AS INT)) AS day,
        TIMESTAMP '2000-01-01 00:00:00.123456Z' + make_interval(0, 0, 0, 0, 0, CAST(id AS INT), 0) AS ts,
        id % 2 = 0 AS b, CAST(concat('x', id) AS BINARY) AS z, array(id, NULL, id + 1) AS l,
        named_struct('a', id, 'b', array(CAST(id AS STRING))) AS s, map(concat('k', id), id) AS m,
        array(named_struct('p', id)) AS structs, array(array(id)) AS lists, CAST(id AS BYTE) AS i1, CAST(id AS SHORT) AS i2
        FROM range(100)""")
    files = sorted(folder.glob("*.parquet"))
    assert files
    for path in files:
        check(path)


@pytest.fixture(scope="module")
def spark_parquet():
    from spark import Spark
    session = Spark(str(ROOT / ".cache" / "jars" / "iceberg-spark-runtime-3.5_2.12-1.10.0.jar"))
    yield session.sql
    session.stop()


# ------------------------------------------------------------------ damage

@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_never_crash(tmp_path, seed):
    r = random.Random(seed)
    path = tmp_path / "x.parquet"
    make = wide_table if seed % 2 else deep_table
    pq.write_table(make(seed, 60), path, data_page_version=["1.0", "2.0"][seed // 2], compression="none",
                   write_page_index=True)
    good = path.read_bytes()
    codes = set()
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(r.choice([1, 1, 3, 20])):
            bad[r.randrange(len(bad))] = r.randrange(256)
        if r.random() < 0.1:
            del bad[r.randrange(len(bad)):]
        path.write_bytes(bad)
        done = subprocess.run([str(CAT), str(path), "--count", "--memory", "50000000"], capture_output=True, timeout=30,
                              check=False)
        assert done.returncode in CRASH_FREE, (done.returncode, done.stderr[-2000:])
        codes.add(done.returncode)
    assert EX_CORRUPT in codes
