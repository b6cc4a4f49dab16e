"""The reference readers, and the comparison of what they read with what PostgreSQL has (`expected.py`).

Every reader hands over Arrow data; one function brings it into the canonical form, so that a reader's habits (uuid as
string, offsets in slices, 64-bit lists) are known in one place.
"""
import collections
import dataclasses
import glob
import json
import os
import re
import urllib.parse
import uuid

import duckdb
import duckdb_ext
import pyarrow as pa
from pyiceberg.table import StaticTable

from expected import canonical_float

DIFFERENCES_SHOWN = 10


# ------------------------------------------------------------------ the lake on disk

class Lake:
    """A Hadoop catalog's warehouse, found by walking it: shares no naming rule with firn."""

    def __init__(self, warehouse):
        self.warehouse = str(warehouse)

    def namespace_folder(self, namespace):
        return os.path.join(self.warehouse, *namespace.split("."))

    def tables(self, namespace):
        """Names of the tables that firn keeps for its source: by folder."""
        folder = self.namespace_folder(namespace)
        if not os.path.isdir(folder):
            return []
        return sorted(urllib.parse.unquote(os.path.relpath(os.path.dirname(path), folder))
                      for path, folders, _ in os.walk(folder) if os.path.basename(path) == "metadata"
                      and glob.glob(os.path.join(glob.escape(path), "*.metadata.json")))

    def folder(self, namespace, table):
        """The table's folder: its name, or with the characters escaped that paths and URIs cannot carry."""
        folder = self.namespace_folder(namespace)
        escaped = (name for name in os.listdir(folder) if urllib.parse.unquote(name) == table) if os.path.isdir(folder) else iter(())
        return os.path.join(folder, next(escaped, table))

    def versions(self, namespace, table):
        """Metadata files by version number."""
        found = {}
        for path in glob.glob(os.path.join(glob.escape(self.folder(namespace, table)), "metadata", "v*.metadata.json")):
            match = re.fullmatch(r"v(\d+)\.metadata\.json", os.path.basename(path))
            if match:
                found[int(match.group(1))] = path
        return found

    def metadata_path(self, namespace, table):
        versions = self.versions(namespace, table)
        if not versions:
            raise LookupError(f"no Iceberg table in {self.folder(namespace, table)}; there are {self.tables(namespace)}")
        return versions[max(versions)]

    def metadata(self, namespace, table):
        with open(self.metadata_path(namespace, table), encoding="utf-8") as file:
            return json.load(file)

    def current_snapshot(self, namespace, table):
        document = self.metadata(namespace, table)
        return next((item for item in document.get("snapshots", ())
                     if item["snapshot-id"] == document.get("current-snapshot-id")), None)

    def static_table(self, namespace, table):
        return StaticTable.from_metadata(self.metadata_path(namespace, table))

    def files(self):
        """Every file with its size: for 'nothing was written' and 'nothing was lost'."""
        return {os.path.relpath(os.path.join(path, name), self.warehouse): os.path.getsize(os.path.join(path, name))
                for path, _, names in os.walk(self.warehouse) for name in names}


# ------------------------------------------------------------------ Arrow → canonical

class WrongType(AssertionError):
    pass


def canonical_column(kind, array, where):
    """An Arrow array → a list of canonical values; a physical type that cannot be this kind is an error."""
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return [None] * len(array)
    convert = _CONVERTERS[kind.name]
    return convert(kind, array, where)


def _check(condition, kind, array, where):
    if not condition:
        raise WrongType(f"{where}: expected {kind.iceberg()}, the reader gives {array.type}")


def _integers(kind, array, where):
    wanted = pa.int32() if kind.name == "int" else pa.int64()
    _check(array.type == wanted, kind, array, where)
    return array.to_pylist()


def _booleans(kind, array, where):
    _check(pa.types.is_boolean(array.type), kind, array, where)
    return array.to_pylist()


def _floats(kind, array, where):
    _check(array.type == (pa.float32() if kind.name == "float" else pa.float64()), kind, array, where)
    return [None if value is None else canonical_float(value) for value in array.to_pylist()]


def _decimals(kind, array, where):
    _check(pa.types.is_decimal(array.type) and (array.type.precision, array.type.scale) == (kind.precision, kind.scale),
           kind, array, where)
    return array.to_pylist()


def _strings(kind, array, where):
    _check(pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type),
           kind, array, where)
    return array.to_pylist()


def _binaries(kind, array, where):
    _check(pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type) or pa.types.is_binary_view(array.type),
           kind, array, where)
    return array.to_pylist()


def _uuids(kind, array, where):
    if pa.types.is_fixed_size_binary(array.type) and array.type.byte_width == 16:
        return [None if value is None else str(uuid.UUID(bytes=value)) for value in array.to_pylist()]
    return _strings(kind, array, where)  # Spark and DuckDB show it so


def _dates(kind, array, where):
    _check(pa.types.is_date32(array.type), kind, array, where)
    return array.cast(pa.int32()).to_pylist()


def _timestamps(kind, array, where):
    _check(pa.types.is_timestamp(array.type) and array.type.unit == "us"
           and (array.type.tz is not None) == (kind.name == "timestamptz"), kind, array, where)
    return array.cast(pa.int64()).to_pylist()


def _times(kind, array, where):
    _check(pa.types.is_time64(array.type) and array.type.unit == "us", kind, array, where)
    return array.cast(pa.int64()).to_pylist()


def _lists(kind, array, where):
    _check(pa.types.is_list(array.type) or pa.types.is_large_list(array.type), kind, array, where)
    values = canonical_column(kind.element, array.values, f"{where}[]")
    offsets = array.offsets.to_pylist()
    return [tuple(values[offsets[index]:offsets[index + 1]]) if valid else None
            for index, valid in enumerate(array.is_valid().to_pylist())]


def _maps(kind, array, where):
    _check(pa.types.is_map(array.type), kind, array, where)
    keys, items, offsets = array.keys.to_pylist(), array.items.to_pylist(), array.offsets.to_pylist()
    return [tuple(sorted(zip(keys[offsets[index]:offsets[index + 1]], items[offsets[index]:offsets[index + 1]])))
            if valid else None for index, valid in enumerate(array.is_valid().to_pylist())]


def _structs(kind, array, where):
    _check(pa.types.is_struct(array.type) and [field.name for field in array.type] == [name for name, _ in kind.fields],
           kind, array, where)
    members = [canonical_column(member, array.field(index), f"{where}.{name}")
               for index, (name, member) in enumerate(kind.fields)]
    return [tuple(row) if valid else None
            for valid, row in zip(array.is_valid().to_pylist(), zip(*members))]


_CONVERTERS = {
    "int": _integers, "long": _integers, "boolean": _booleans, "float": _floats, "double": _floats, "decimal": _decimals,
    "string": _strings, "binary": _binaries, "uuid": _uuids, "date": _dates, "timestamp": _timestamps,
    "timestamptz": _timestamps, "time": _times, "list": _lists, "map": _maps, "struct": _structs,
}


def _fold_case(names):
    """DuckDB's names are case-insensitive: it numbers the twins."""
    seen, folded = collections.Counter(), []
    for name in names:
        folded.append(f"{name}_{seen[name.lower()]}" if seen[name.lower()] else name)
        seen[name.lower()] += 1
    return folded


def canonical_rows(expected, arrow_table, folds_case=False):
    names = [name for name, _ in expected.columns]
    if list(arrow_table.column_names) != (_fold_case(names) if folds_case else names):
        raise WrongType(f"columns are {arrow_table.column_names}, expected {names}")
    columns = [canonical_column(kind, arrow_table.column(index), name)
               for index, (name, kind) in enumerate(expected.columns)]
    return list(zip(*columns)) if columns else []


# ------------------------------------------------------------------ readers

def read_pyiceberg(lake, namespace, table, snapshot_id=None):
    return lake.static_table(namespace, table).scan(snapshot_id=snapshot_id).to_arrow()


class DuckDB:
    def __init__(self):
        extensions = os.path.join(list(duckdb_ext.__path__)[0], "extensions")
        self.connection = duckdb.connect(config={"threads": 2, "extension_directory": extensions,
                                                 "autoinstall_known_extensions": False})
        self.connection.execute("LOAD avro; LOAD iceberg")

    def query(self, text):
        return self.connection.execute(text)

    @staticmethod
    def scan(path):
        return "iceberg_scan('" + path.replace("'", "''") + "')"

    def read(self, lake, namespace, table):
        result = self.query(f"SELECT * FROM {self.scan(lake.metadata_path(namespace, table))}").arrow()
        return result.read_all() if hasattr(result, "read_all") else result


# ------------------------------------------------------------------ comparison

def _cut(value, size=160):
    text = repr(value)
    return text if len(text) <= size else f"{text[:size]}… ({len(text)} characters)"


def _by_key(expected, rows):
    names = [name for name, _ in expected.columns]
    places = [names.index(name) for name in expected.key]
    found = {}
    for row in rows:
        key = tuple(row[place] for place in places)
        if key in found:
            return None, [f"key {_cut(key)} is there more than once"]
        found[key] = row
    return found, []


def differences(expected, rows):
    """What is not equal, in words; empty when all is. A table without key is compared as a multiset."""
    names = [name for name, _ in expected.columns]
    if not expected.key:
        return _multiset_differences(expected.rows, rows)
    wanted, _ = _by_key(expected, expected.rows)
    got, found = _by_key(expected, rows)
    if got is None:
        return found
    for key in wanted.keys() - got.keys():
        found.append(f"row {_cut(key)} is missing")
    for key in got.keys() - wanted.keys():
        found.append(f"row {_cut(key)} is too much")
    for key in wanted.keys() & got.keys():
        for name, left, right in zip(names, wanted[key], got[key]):
            if left != right or type(left) is not type(right):
                found.append(f"row {_cut(key)}, column {name!r}: expected {_cut(left)}, got {_cut(right)}")
    return found


def _multiset_differences(wanted, got):
    wanted, got = collections.Counter(wanted), collections.Counter(got)
    found = [f"{count} × row {_cut(row)} missing" for row, count in (wanted - got).items()]
    return found + [f"{count} × row {_cut(row)} too much" for row, count in (got - wanted).items()]


def _has_list_of_structs(kind):
    if kind.name == "list":
        return kind.element.name == "struct" or _has_list_of_structs(kind.element)
    return any(_has_list_of_structs(member) for _, member in kind.fields)


def _lists_without_null(kind, value):
    """PyIceberg 0.12 rebuilds a list of structs without its validity: a null list arrives as an empty one."""
    if kind.name == "list":
        return () if value is None else tuple(_lists_without_null(kind.element, item) for item in value)
    if kind.name == "struct" and value is not None:
        return tuple(_lists_without_null(member, item) for (_, member), item in zip(kind.fields, value))
    return value


def _forgive_pyiceberg(expected, rows):
    """Both sides without what PyIceberg cannot show; DuckDB and Spark judge the rest."""
    places = [index for index, (_, kind) in enumerate(expected.columns) if _has_list_of_structs(kind)]
    if not places:
        return expected, rows

    def forgive(row):
        return tuple(_lists_without_null(expected.columns[index][1], value) if index in places else value
                     for index, value in enumerate(row))
    return dataclasses.replace(expected, rows=[forgive(row) for row in expected.rows]), [forgive(row) for row in rows]


def assert_equal(expected, arrow_table, reader):
    """Fails with the first differences when what the reader gives is not the source's table."""
    rows = canonical_rows(expected, arrow_table, folds_case=reader.startswith("DuckDB"))
    if reader.startswith("PyIceberg"):
        expected, rows = _forgive_pyiceberg(expected, rows)
    found = differences(expected, rows)
    if found:
        shown = "\n  ".join(found[:DIFFERENCES_SHOWN])
        raise AssertionError(f"{reader} on {expected.schema}.{expected.name}: {len(found)} differences\n  {shown}")


def iceberg_type(field_type):
    """PyIceberg's type, printed without field ids, so that it compares with Kind.iceberg()."""
    text = str(field_type)
    text = re.sub(r"\b\d+: ", "", text)
    return re.sub(r": (optional|required) ", ": ", text)
