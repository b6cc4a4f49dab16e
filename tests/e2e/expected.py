"""What a PostgreSQL table must look like in the lake, by a path that shares nothing with firn.

Values are asked for as PostgreSQL's own text (psycopg, text format) and parsed here into one canonical Python form per type;
`judges.py` brings what the readers give into the same form. `kind_of` is docs/TYPES.md once more, written independently.
"""
import datetime
import decimal
import json
import re
import struct
from dataclasses import dataclass, field

import psycopg

# Wider than any decimal that a column can hold: nothing is rounded on the way.
decimal.getcontext().prec = 2000


# ------------------------------------------------------------------ kinds

@dataclass(frozen=True)
class Kind:
    """A canonical type: what it is in Iceberg, and how its values compare."""
    name: str  # int long float double boolean decimal string binary uuid date timestamp timestamptz time list map struct
    precision: int = 0
    scale: int = 0
    element: "Kind | None" = None
    fields: tuple = ()  # of (name, Kind)
    source: str = ""  # PostgreSQL's type name, where its text form needs to be known
    delimiter: str = ","  # of a list's literal: PostGIS and box have their own

    def iceberg(self):
        """The type as PyIceberg prints it, without field ids."""
        if self.name == "decimal":
            return f"decimal({self.precision}, {self.scale})"
        if self.name == "list":
            return f"list<{self.element.iceberg()}>"
        if self.name == "map":
            return "map<string, string>"
        if self.name == "struct":
            return "struct<" + ", ".join(f"{name}: {kind.iceberg()}" for name, kind in self.fields) + ">"
        return self.name


STRING = Kind("string")
SIMPLE = {
    "int2": Kind("int"), "int4": Kind("int"), "int8": Kind("long"), "float4": Kind("float"), "float8": Kind("double"),
    "bool": Kind("boolean"), "bytea": Kind("binary"), "uuid": Kind("uuid"), "date": Kind("date"),
    "timestamp": Kind("timestamp"), "timestamptz": Kind("timestamptz"),
    "money": Kind("decimal", 19, 2, source="money"), "hstore": Kind("map"),
    "geometry": Kind("binary", source="geometry"), "geography": Kind("binary", source="geometry"),
    "oid": Kind("long"), "xid": Kind("long"), "cid": Kind("long"),
}


@dataclass
class Settings:
    """The settings of a source that change how its types arrive."""
    unbounded: Kind = field(default_factory=lambda: Kind("decimal", 38, 10))
    time_as_string: bool = True
    as_text: tuple = ()  # columns under the policy `text`


class Types:
    """The type catalog of one database."""

    def __init__(self, connection):
        rows = connection.execute("""
            SELECT oid::bigint, typname, typtype, typcategory, typelem::bigint, typbasetype::bigint, typtypmod, typndims,
                   typrelid::bigint,
                   -- before 14: an array is what has a size that varies and elements
                   coalesce(to_jsonb(t) ->> 'typsubscript', CASE WHEN typlen = -1 AND typelem <> 0 THEN 'array_subscript_handler' END),
                   typdelim::text
            FROM pg_type t""").fetchall()
        self.by_oid = {int(row[0]): row for row in rows}
        self.members = {}
        for relation, name, type_oid, modifier, dimensions in connection.execute("""
                SELECT attrelid::bigint, attname, atttypid::bigint, atttypmod, attndims FROM pg_attribute
                WHERE attnum > 0 AND NOT attisdropped AND attrelid IN (SELECT typrelid FROM pg_type WHERE typtype = 'c')
                ORDER BY attrelid, attnum""").fetchall():
            self.members.setdefault(int(relation), []).append((name, int(type_oid), int(modifier), int(dimensions)))

    def kind_of(self, type_oid, modifier, dimensions, settings):
        _, name, typtype, _, element, base, base_modifier, base_dimensions, relation, subscript, delimiter = \
            self.by_oid[type_oid]
        if typtype == "d":
            return self.kind_of(int(base), int(base_modifier), int(base_dimensions), settings)
        if typtype == "c":
            return Kind("struct", fields=tuple((member, self.kind_of(oid, typmod, ndims, settings))
                                               for member, oid, typmod, ndims in self.members[int(relation)]))
        if subscript == "array_subscript_handler" and int(element) and name.startswith("_"):
            if dimensions > 1:
                return STRING
            return Kind("list", element=self.kind_of(int(element), modifier, 0, settings), delimiter=delimiter)
        if name == "numeric":
            return self._numeric(modifier, settings)
        if name == "time":
            return STRING if settings.time_as_string else Kind("time")
        return SIMPLE.get(name, STRING)

    @staticmethod
    def _numeric(modifier, settings):
        if modifier < 4:
            return settings.unbounded
        precision = (modifier - 4) >> 16 & 0xffff
        scale = ((modifier - 4) & 0x7ff ^ 1024) - 1024
        if scale < 0:
            precision, scale = precision - scale, 0
        elif scale > precision:
            precision = scale
        return Kind("decimal", precision, scale) if precision <= 38 else settings.unbounded


# ------------------------------------------------------------------ text forms

def parse_array(text, delimiter=","):
    """A one-dimensional array literal → its elements' texts, None for null."""
    assert text[0] == "{" and text[-1] == "}", text
    elements, position, end = [], 1, len(text) - 1
    while position < end:
        if text[position] == '"':
            piece, position = _quoted(text, position)
            elements.append(piece)
        else:
            start = position
            while position < end and text[position] != delimiter:
                position += 1
            piece = text[start:position]
            elements.append(None if piece.upper() == "NULL" else piece)
        if position < end:
            assert text[position] == delimiter, text
            position += 1
    return elements


def _quoted(text, position):
    """A "…" with backslash escapes or doubled quotes, from its opening quote on."""
    piece, position = [], position + 1
    while True:
        letter = text[position]
        if letter == "\\":
            piece.append(text[position + 1])
            position += 2
        elif letter == '"':
            if text[position + 1:position + 2] == '"':
                piece.append('"')
                position += 2
            else:
                return "".join(piece), position + 1
        else:
            piece.append(letter)
            position += 1


def parse_row(text):
    """A composite literal → its fields' texts; an empty field is null."""
    assert text[0] == "(" and text[-1] == ")", text
    fields, position, end = [], 1, len(text) - 1
    while True:
        if position == end or text[position] == ",":
            fields.append(None)
        elif text[position] == '"':
            piece, position = _quoted(text, position)
            fields.append(piece)
        else:
            start = position
            while position < end and text[position] != ",":
                position += 1
            fields.append(text[start:position])
        if position >= end:
            return fields
        position += 1


def parse_hstore(text):
    pairs, position = {}, 0
    while position < len(text):
        key, position = _quoted(text, position)
        assert text[position:position + 2] == "=>", text
        position += 2
        if text[position] == '"':
            pairs[key], position = _quoted(text, position)
        else:
            pairs[key], position = None, position + 4
        if text[position:position + 2] == ", ":
            position += 2
    return pairs


_DATE = re.compile(r"(\d{4,})-(\d\d)-(\d\d)")
_STAMP = re.compile(r"(\d{4,}-\d\d-\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d+))?([+-]\d\d)?(?::(\d\d))?(?::(\d\d))?)?( BC)?$")
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_DAYS_OF_400_YEARS = 146097


def parse_days(text):
    """An ISO date, also with BC or a year above 9999 → days since 1970."""
    year, month, day = (int(part) for part in _DATE.match(text).groups())
    if text.endswith(" BC"):
        year = 1 - year
    cycles, year_in_cycle = divmod(year - 1, 400)
    return cycles * _DAYS_OF_400_YEARS + datetime.date(year_in_cycle + 1, month, day).toordinal() - _EPOCH


def parse_micros(text):
    """A time stamp, UTC where it has a zone → microseconds since 1970."""
    date, hour, minute, second, fraction, zone, *_, era = _STAMP.match(text).groups()
    assert zone in (None, "+00"), text
    days = parse_days(date + (era or ""))
    seconds = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    return seconds * 1_000_000 + int((fraction or "").ljust(6, "0"))


def parse_clock(text):
    hour, minute, rest = text.split(":")
    second, _, fraction = rest.partition(".")
    return (int(hour) * 3600 + int(minute) * 60 + int(second)) * 1_000_000 + int(fraction.ljust(6, "0"))


def _single(text):
    """float4's text → the float that has exactly its 32 bits."""
    return struct.unpack("<f", struct.pack("<f", float(text)))[0]


def canonical_float(value):
    """NaN equals NaN and -0.0 is not 0.0: floats compare by what they are."""
    return "NaN" if value != value else repr(value)


def parse_value(kind, text):
    """PostgreSQL's text of a value → its canonical form."""
    if text is None:
        return None
    name = kind.name
    if name == "string":
        return text
    if name in ("int", "long"):
        return int(text)
    if name == "boolean":
        return text in ("t", "true")
    if name == "decimal":
        value = decimal.Decimal(text.replace("$", "").replace(",", ""))
        return value.quantize(decimal.Decimal(1).scaleb(-kind.scale), context=decimal.Context(prec=80))
    if name == "float":
        return canonical_float(_single(text))
    if name == "double":
        return canonical_float(float(text))
    if name == "binary":
        return bytes.fromhex(text if kind.source == "geometry" else text[2:])
    if name == "uuid":
        return text
    if name == "date":
        return parse_days(text)
    if name in ("timestamp", "timestamptz"):
        return parse_micros(text)
    if name == "time":
        return parse_clock(text)
    if name == "list":
        return tuple(parse_value(kind.element, piece) for piece in parse_array(text, kind.delimiter))
    if name == "map":
        return tuple(sorted(parse_hstore(text).items()))
    if name == "struct":
        return tuple(parse_value(member, piece) for (_, member), piece in zip(kind.fields, parse_row(text), strict=True))
    raise AssertionError(f"no parser for {kind}")


# ------------------------------------------------------------------ a table

@dataclass
class Table:
    schema: str
    name: str
    columns: list  # of (name, Kind)
    key: list  # names of the primary key's columns, or of a unique not-null index; may be empty
    rows: list  # tuples in canonical form
    comment: str | None = None
    column_comments: dict = field(default_factory=dict)


class _TextLoader(psycopg.adapt.Loader):
    def load(self, data):
        return bytes(data).decode("utf-8")


SESSION = """
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3;
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET search_path = pg_catalog; SET xmloption = content;
"""


def connect(conninfo):
    """A connection whose every value arrives as PostgreSQL's own text."""
    connection = psycopg.connect(conninfo, autocommit=True)
    connection.execute(SESSION)
    return connection


def quote(name):
    return '"' + name.replace('"', '""') + '"'


KEY_QUERY = """
SELECT array_to_json(array_agg(attname ORDER BY place))::text
FROM (SELECT i.indexrelid, i.indisprimary, a.attname, k.place
      FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
      WHERE i.indrelid = %s AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid
        AND k.place <= i.indnkeyatts) AS parts
GROUP BY indexrelid, indisprimary
HAVING indisprimary OR (SELECT bool_and(a.attnotnull) FROM pg_index i JOIN pg_attribute a
       ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]) WHERE i.indexrelid = parts.indexrelid)
ORDER BY indisprimary DESC, count(*), indexrelid LIMIT 1
"""


def read(connection, schema, name, settings=None, excluded=(), key=None):
    """The table as it must arrive."""
    settings = settings or Settings()
    types = Types(connection)
    relation, partitioned, comment = connection.execute(
        "SELECT c.oid::bigint, c.relkind = 'p', obj_description(c.oid, 'pg_class') FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s", (schema, name)).fetchone()
    attributes = connection.execute(
        "SELECT attname, atttypid::bigint, atttypmod, attndims, col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum", (relation,)).fetchall()
    attributes = [row for row in attributes if row[0] not in excluded]
    columns = [(row[0], STRING if row[0] in settings.as_text else types.kind_of(int(row[1]), int(row[2]), int(row[3]), settings))
               for row in attributes]
    if key is None:
        found = connection.execute(KEY_QUERY, (relation,)).fetchone()
        key = json.loads(found[0]) if found else []
    rows = []
    if columns:
        cursor = connection.cursor()
        for type_oid in types.by_oid:
            cursor.adapters.register_loader(type_oid, _TextLoader)
        only = "" if partitioned else "ONLY "
        cursor.execute(f"SELECT {', '.join(quote(column) for column, _ in columns)} FROM {only}{quote(schema)}.{quote(name)}")
        kinds = [kind for _, kind in columns]
        rows = [tuple(parse_value(kind, value) for kind, value in zip(kinds, row)) for row in cursor]
    return Table(schema, name, columns, key, rows, comment, {row[0]: row[4] for row in attributes if row[4]})


def table_names(connection, schema):
    """The tables that a load of the schema must bring: ordinary and partitioned ones, without partitions."""
    return [row[0] for row in connection.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = %s AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname", (schema,)).fetchall()]
