"""The judges are judged: planted differences are found, and text is parsed as PostgreSQL computes it."""
import decimal

import pyarrow as pa
import pytest

import expected
from expected import Kind, Table
from judges import WrongType, assert_equal, canonical_column, differences

TABLE = Table("s", "t", [("id", Kind("int")), ("v", Kind("string"))], ["id"], [(1, "a"), (2, None), (3, "c")])


def arrow(ids, texts, id_type=pa.int32()):
    return pa.table({"id": pa.array(ids, id_type), "v": pa.array(texts, pa.string())})


def test_equal_in_any_order():
    assert_equal(TABLE, arrow([3, 1, 2], ["c", "a", None]), "test")


@pytest.mark.parametrize("ids,texts,word", [
    ([1, 2], ["a", None], "missing"), ([1, 2, 3, 4], ["a", None, "c", "d"], "too much"), ([1, 2, 3], ["a", "", "c"], "column 'v'"),
    ([1, 2, 2], ["a", None, "c"], "more than once")])
def test_planted_differences(ids, texts, word):
    with pytest.raises(AssertionError, match=word):
        assert_equal(TABLE, arrow(ids, texts), "test")


def test_wrong_type():
    with pytest.raises(WrongType, match="expected int"):
        assert_equal(TABLE, arrow([1, 2, 3], ["a", None, "c"], pa.int64()), "test")
    with pytest.raises(WrongType, match="columns are"):
        assert_equal(TABLE, arrow([1, 2, 3], ["a", None, "c"]).rename_columns(["id", "w"]), "test")


def test_multiset():
    keyless = Table("s", "t", TABLE.columns, [], [(1, "a"), (1, "a"), (None, None)])
    assert differences(keyless, [(None, None), (1, "a"), (1, "a")]) == []
    assert differences(keyless, [(None, None), (1, "a")]) == ["1 × row (1, 'a') missing"]


def test_floats_compare_by_what_they_are():
    kind = Kind("double")
    assert canonical_column(kind, pa.array([float("nan"), -0.0, 0.0, None]), "v") == ["NaN", "-0.0", "0.0", None]


def test_nested_slices():
    kind = Kind("list", element=Kind("struct", fields=(("a", Kind("int")), ("m", Kind("map")))))
    values = [[{"a": 1, "m": [("k", "v"), ("b", None)]}, None], None, [], [{"a": None, "m": None}]]
    array = pa.array(values, pa.list_(pa.struct([("a", pa.int32()), ("m", pa.map_(pa.string(), pa.string()))])))
    wanted = [((1, (("b", None), ("k", "v"))), None), None, (), ((None, None),)]
    assert canonical_column(kind, array, "v") == wanted
    assert canonical_column(kind, array.slice(1), "v") == wanted[1:]


def test_array_and_row_literals():
    assert expected.parse_array('{a,NULL,"NULL","a\\"b","c\\\\d",""}') == ["a", None, "NULL", 'a"b', "c\\d", ""]
    assert expected.parse_array("{}") == []
    assert expected.parse_row('(1,,"","a ""q"" \\\\","(2,3)")') == ["1", None, "", 'a "q" \\', "(2,3)"]
    assert expected.parse_hstore('"a"=>"1", "b"=>NULL, "q\\"d"=>"x, y"') == {"a": "1", "b": None, 'q"d': "x, y"}


def test_times_are_parsed_as_postgresql_computes_them(edge):
    for table in ("t_date", "t_time_far"):
        for text, days in edge.execute(f"SELECT day::text, (day - date '1970-01-01')::text FROM edge.{table} WHERE day IS NOT NULL").fetchall():
            assert expected.parse_days(text) == int(days), text
    for table in ("t_timestamp", "t_time_far"):
        for text, micros in edge.execute(f"SELECT at::text, trunc(extract(epoch FROM at) * 1000000)::text FROM edge.{table} WHERE at IS NOT NULL").fetchall():
            assert expected.parse_micros(text) == decimal.Decimal(micros), text


def test_numeric_modifiers(edge):
    table = expected.read(edge, "edge", "t_numeric")
    assert {name: kind.iceberg() for name, kind in table.columns} == {
        "id": "int", "n1": "decimal(1, 0)", "n9": "decimal(9, 2)", "n10": "decimal(10, 2)", "n18": "decimal(18, 4)",
        "n19": "decimal(19, 4)", "n38": "decimal(38, 0)", "n38_19": "decimal(38, 19)", "n38_38": "decimal(38, 38)",
        "all_fraction": "decimal(4, 4)", "hundreds": "decimal(7, 0)", "millions": "decimal(7, 0)", "tiny": "decimal(5, 5)",
        "plain": "decimal(12, 0)"}
