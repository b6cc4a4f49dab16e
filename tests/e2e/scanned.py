"""What `firn scan` prints → the canonical form of expected.py, by a path of its own."""
import decimal
import json
import re

from expected import _single, canonical_float

TIME = re.compile(r"([+-]?\d+)-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)\.(\d{6})(Z?))?")


def days_of(year, month, day):
    """Days since 1970 in the Gregorian calendar, extended to all years."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def value_of(kind, value):
    """A value of JSON (numbers as the text that stood there), or a field of CSV."""
    name = kind.name
    if value is None:
        return None
    if name in ("list", "map", "struct") and isinstance(value, str):
        value = load(value)
    if name == "list":
        return tuple(value_of(kind.element, item) for item in value)
    if name == "map":
        return tuple(sorted(value.items()))
    if name == "struct":
        assert list(value) == [member for member, _ in kind.fields]
        return tuple(value_of(member, value[field]) for field, member in kind.fields)
    if name in ("int", "long"):
        return int(value)
    if name == "boolean":
        return value if isinstance(value, bool) else {"true": True, "false": False}[value]
    if name == "decimal":
        found = decimal.Decimal(value)
        assert -found.as_tuple().exponent == kind.scale, f"{value} is not written with {kind.scale} decimals"
        return found
    if name == "float":
        return canonical_float(_single(value))
    if name == "double":
        return canonical_float(float(value))
    if name == "binary":
        return bytes.fromhex(value)
    if name in ("date", "timestamp", "timestamptz"):
        year, month, day, hour, minute, second, micros, zone = TIME.fullmatch(value).groups()
        days = days_of(int(year), int(month), int(day))
        assert (name == "date") == (hour is None) and (name == "timestamptz") == bool(zone)
        if name == "date":
            return days
        return (days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second)) * 1000000 + int(micros)
    assert name in ("string", "uuid"), name
    return value


def load(text):
    return json.loads(text, parse_int=str, parse_float=str)


def json_rows(text, columns):
    rows = []
    for line in text.split("\n")[:-1]:
        row = load(line)
        assert list(row) == [name for name, _ in columns]
        rows.append(tuple(value_of(kind, row[name]) for name, kind in columns))
    return rows


def csv_records(text):
    """RFC 4180; a field without quotes that is empty is null, which Python's own reader cannot tell."""
    record, at = [], 0
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while text[end] != '"' or text[end + 1] == '"':
                end += 2 if text[end] == '"' else 1
            value, at = text[at + 1:end].replace('""', '"'), end + 1
        else:
            end = re.compile("[,\n]").search(text, at).start()
            value, at = text[at:end] or None, end
        record.append(value)
        if text[at] == "\n":
            yield record
            record = []
        at += 1
    assert not record, "the last line has no end"


def csv_rows(text, columns):
    records = list(csv_records(text))
    assert records[0] == [name for name, _ in columns]
    return [tuple(value_of(kind, value) for (_, kind), value in zip(columns, record, strict=True)) for record in records[1:]]
