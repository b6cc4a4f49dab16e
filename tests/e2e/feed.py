"""Runs pg_dump_changes, which prints what PostgreSQL's change stream hands out, and puts its lines into a short form."""
import itertools
import json
import os
import pathlib
import subprocess

from firn import ROOT
from servers.postgres import SUPERUSER

BUILD = pathlib.Path(os.environ.get("FIRN_BUILD_DIR", str(ROOT / "build")))
CHANGES = str(BUILD / "src" / "postgres" / "pg_dump_changes")
BATCHES = str(BUILD / "src" / "postgres" / "pg_dump_batches")


def start(server, database, slot, *settings, schema="public", publication="p", program=CHANGES, folder=None):
    arguments = [server.folder, str(server.port), database, SUPERUSER, schema, slot, publication]
    return subprocess.Popen([program, *arguments, *settings], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            cwd=folder or server.folder)


def read(server, database, slot, *settings, code=0, **keywords):
    """Lines of the output; with another code: what it says on stderr."""
    process = start(server, database, slot, *settings, **keywords)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, f"code {process.returncode}\n{err}\n{out[-2000:]}"
    return out.splitlines() if code == 0 else err


def _value(value):
    if isinstance(value, dict):
        return "~" if value.get("unchanged") else bytes.fromhex(value["b"])
    return value if value is None or len(value) < 40 else f"{value[:3]}…{len(value)}"


def _short(item):
    kind = item["kind"]
    if kind in ("begin", "commit", "restart"):
        return kind
    if kind == "relation":
        return f"relation {item['table']} {item['identity']} {','.join(item['columns'])}"
    if kind == "message":
        return f"message {item['transactional']} {item['prefix']}={item['content']}"
    text = f"{kind} {item['table']}"
    if kind == "truncate":
        return f"{text} {item['cascade']}{item['restart']}"
    for part in ("key", "old", "new"):
        if part in item:
            text += f" {part}({','.join('-' if v is None else str(v) for v in map(_value, item[part]))})"
    return text


def items(lines):
    """Without idle points, counts and identity; runs of inserts into one table become their number."""
    parsed = [json.loads(line) for line in lines]
    short = [_short(item) for item in parsed if item["kind"] not in ("idle", "counts", "identity")]
    result = []
    for is_bulk, group in itertools.groupby(short, lambda text: text.startswith("insert bulk")):
        group = list(group)
        result += [f"bulk {len(group)} {group[0].split('(')[1].split(',')[0]}..{group[-1].split('(')[1].split(',')[0]}"] if is_bulk else group
    return result


def counts(lines):
    return json.loads(lines[-1])
