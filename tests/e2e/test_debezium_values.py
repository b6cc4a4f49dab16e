"""Values of recorded Debezium events against a load of the same rows from a real PostgreSQL: each column is equal, or said
to be damaged; and what is damaged is exactly what Debezium loses."""
import json
import pathlib
import subprocess

import pytest

from feed import BATCHES, BUILD
from firn import ROOT
from servers.postgres import SUPERUSER

ROWS = str(BUILD / "src" / "postgres" / "dbz_dump_rows")
DATA = ROOT / "tests" / "data" / "debezium"

# Settings of the connectors that made the recordings.
MODES = {
    "types_precise": ["decimals=precise", "times=adaptive", "intervals=numeric", "excludes=1"],
    "types_precise_schemas": ["decimals=precise", "times=adaptive", "intervals=numeric", "excludes=1"],
    "types_string": ["decimals=string", "times=adaptive", "intervals=numeric", "excludes=1"],
    "types_double": ["decimals=double", "times=adaptive", "intervals=numeric", "excludes=1"],
    "types_precise_avro": ["decimals=precise", "times=adaptive", "intervals=numeric", "excludes=1"],
    "types_string_avro": ["decimals=string", "times=adaptive", "intervals=numeric", "excludes=1"],
    "types_firn_avro": ["decimals=string", "times=microseconds", "intervals=string"],
    "types_options": ["decimals=string", "times=connect", "intervals=string", "binary=base64"],
    "types_firn": ["nulls=kept"],  # firn's own connector: what the modes are where nothing is set
}
TYPES = """
    SELECT a.attname, CASE WHEN t.typtype = 'e' THEN 'enum'
                           WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod)
                           WHEN e.typtype = 'e' THEN 'enum[]'
                           ELSE format_type(a.atttypid, a.atttypmod) END
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typlen = -1
    WHERE a.attrelid = 'public.alltypes'::regclass AND a.attnum > 0 AND NOT a.attisdropped"""


@pytest.fixture(scope="module")
def source(server, tmp_path_factory):
    """A database with the recorded rows as they were inserted, and a file of its columns' types per table."""
    server.sql("CREATE DATABASE dbz_values")
    server.sql_file(str(DATA / "types.sql"), database="dbz_values")
    inserts = [line for line in _statements((DATA / "types_changes.sql").read_text()) if line.startswith("INSERT INTO alltypes")]
    folder = tmp_path_factory.mktemp("dbz")
    (folder / "inserts.sql").write_text("SET timezone = 'UTC';\n" + "\n".join(inserts))
    server.sql_file(str(folder / "inserts.sql"), database="dbz_values")
    import conftest
    with conftest.connect(server, "dbz_values") as connection:
        rows = connection.execute(TYPES).fetchall()
    (folder / "alltypes").write_text("".join(f"{name}\t{text}\n" for name, text in rows))
    yield folder
    server.sql("DROP DATABASE dbz_values WITH (FORCE)")


def _statements(text):
    return [part.strip() + ";" for part in text.split(";\n")]


def _run(server, program, table, *arguments):
    done = subprocess.run([program, server.folder, str(server.port), "dbz_values", SUPERUSER, "public", table, *arguments], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def _loaded(server, *settings):
    lines = [json.loads(line) for line in _run(server, BATCHES, "alltypes", "numeric=38,10", *settings)]
    return {row["id"]: row for row in lines[1:-1]}


def _decoded(server, source, recording, *settings):
    """Of rows that were created: id → column → value, or the text of an error."""
    rows, ids = {}, {}
    for line in _run(server, ROWS, "alltypes", str(DATA / f"{recording}.jsonl"), f"declared={source}/alltypes",
                     "nulls=kept" if "nulls=kept" in MODES[recording] else "defaults=1", *MODES[recording], *settings):
        offset, op, column, text = line.split("\t", 3)
        if op != "c" or int(offset) > 10:
            continue
        value = json.loads(text)[column] if text.startswith("{") else text
        rows.setdefault(offset, {})[column] = value
    return {row["id"]: row for row in rows.values()}


ALL = list(range(1, 12))
LISTS = {"a_bool", "a_bytea", "a_date", "a_enum", "a_float8", "a_inet", "a_int4", "a_int8", "a_jsonb", "a_text", "a_ts", "a_tstz", "a_uuid", "a_varchar"}
# What is lost, in which rows, whatever the settings: offsets, numbers of bits, dimensions, NaN in an array of numeric (which
# is null then, as true nulls are), fields of a composite, and nulls that became the column's default.
ALWAYS = {"c_timetz": [1, 4], "c_varbit": [1, 4], "a_int4_2d": [1], "a_num": [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "c_default": ALL}
# include.unknown.datatypes=false: columns that do not arrive, or as null; interval.handling.mode=numeric: months.
SPARSE = {**ALWAYS, **{name: ALL for name in ("c_name", "c_int4multirange", "c_tsvector", "c_composite")}, "c_interval": [1, 4, 7]}
# decimal.handling.mode=precise: NaN and infinities are null, as true nulls are.
NO_NUMBERS = {"c_num": [2, 3, 4, 5, 8, 9, 10], **{name: [2, 3] + ALL[4:] for name in ("c_num_10_2", "c_num_38_10", "c_num_5_0", "c_num_3_m2")}}
LOST = {
    "types_precise": {**SPARSE, **NO_NUMBERS},
    "types_precise_schemas": {**SPARSE, **NO_NUMBERS, "c_default": ALL[1:]},
    "types_string": SPARSE,
    "types_precise_avro": {**SPARSE, **NO_NUMBERS, "c_default": ALL[1:]},
    "types_string_avro": {**SPARSE, "c_default": ALL[1:]},
    "types_firn_avro": {**ALWAYS, "c_composite": [1], "c_default": ALL[1:]},
    "types_double": {**SPARSE, "c_num": [1, 6, 7, 11], "c_num_38_10": [1, 4]},
    # time.precision.mode=connect: milliseconds; binary.handling.mode=base64: an unchanged TOASTed value is null.
    "types_options": {**ALWAYS, "c_composite": [1], "c_time": [1, 4], "c_ts": [1, 6, 7, 8], "a_ts": [1], "c_bytea": [2, 3, 5, 6, 7, 8, 9, 10, 11]},
    "types_firn": {**{name: rows for name, rows in ALWAYS.items() if name != "c_default"}, "c_composite": [1]},
}


def _compare(server, source, recording, *settings):
    """Column → rows that are damaged; all others are equal."""
    loaded = _loaded(server, *settings)
    decoded = _decoded(server, source, recording, "report=1", *settings)
    assert set(decoded) == set(loaded) == set(ALL)
    damaged, wrong = {}, []
    for identity, row in sorted(decoded.items()):
        assert set(row) == set(loaded[identity])
        for column, value in row.items():
            if isinstance(value, str) and value.startswith("FIRN-2104"):
                damaged.setdefault(column, []).append(identity)
            elif value != loaded[identity][column]:
                wrong.append((identity, column, value, loaded[identity][column]))
    assert not wrong, "\n".join(map(str, wrong))
    return damaged


@pytest.mark.parametrize("recording", sorted(MODES))
def test_each_value_is_that_of_the_load_or_lost_by_debezium(server, source, recording):
    assert _compare(server, source, recording, "policy=null") == LOST[recording]


@pytest.mark.parametrize("recording", sorted(MODES))
def test_texts_of_values_are_those_of_the_load(server, source, recording):
    """Policy `text`: columns that can have unfit values are strings with PostgreSQL's own text."""
    damaged = _compare(server, source, recording, "policy=text")
    assert set(damaged) - set(LOST[recording]) <= LISTS | {"c_money", "c_ts", *NO_NUMBERS}


@pytest.mark.parametrize("recording", ["types_precise_schemas", "types_string", "types_double"])
@pytest.mark.parametrize("numeric", ["string", "double"])
def test_numbers_without_precision(server, source, recording, numeric):
    damaged = _compare(server, source, recording, "policy=null", f"numeric={numeric}", "time=time")
    assert set(damaged) <= set(LOST[recording])
    assert ("c_num" in damaged) == (recording == "types_precise_schemas" or (recording == "types_double" and numeric == "string"))


def test_schemas_alone_say_enough_or_it_is_said_that_they_do_not(server, source):
    """Without the declared types: what only they decide is refused, all else is equal."""
    (source / "none").write_text("")
    loaded = _loaded(server, "policy=null")
    lines = _run(server, ROWS, "alltypes", str(DATA / "types_precise_schemas.jsonl"), f"declared={source}/none", "defaults=1", "policy=null", "report=1",
                 "decimals=precise", "times=adaptive")
    unclear = set()
    for line in lines:
        offset, op, column, text = line.split("\t", 3)
        if op != "c" or int(offset) > 10 or text.startswith("FIRN-2104"):
            continue
        if text.startswith("FIRN-4011"):
            unclear.add(column)
        elif column != "c_name":  # absent values of unknown types look like nulls
            assert json.loads(text)[column] == loaded[int(offset) + 1][column], line
    assert unclear == {"c_bit8", "c_varbit"}


@pytest.mark.parametrize("told", [False, True])
def test_a_default_in_avro_may_be_a_null_unless_the_converter_was_told(server, source, told):
    """Apicurio's converter writes the default for a null, and cannot be told; which column that can be is in the schema."""
    lines = _run(server, ROWS, "alltypes", str(DATA / "types_firn_avro.jsonl"), "report=1", "policy=null", *MODES["types_firn_avro"],
                 *(["nulls=1"] if told else []))
    found = {offset: text for offset, op, column, text in (line.split("\t", 3) for line in lines) if column == "c_default" and op == "c"}
    assert json.loads(found["0"])["c_default"] == 8  # not the default
    assert json.loads(found["2"])["c_default"] == 7 if told else found["2"].startswith("FIRN-2104")
