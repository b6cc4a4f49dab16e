"""Writers' schemas from a real schema registry, and what goes wrong with one."""
import json
import subprocess

import pytest

from feed import BUILD
from servers.front import Front
from servers.process import free_port
from servers.registry import Registry

PROGRAM = str(BUILD / "src" / "registry" / "registry_get")
FOO = {"type": "record", "name": "com.x.Foo", "fields": [{"name": "a", "type": "int"}]}
BAR = {"type": "record", "name": "com.x.Bar", "fields": [{"name": "one", "type": "com.x.Foo"}, {"name": "two", "type": ["null", "Foo"]}]}
BAZ = {"type": "record", "name": "com.x.Baz", "fields": [{"name": "bar", "type": "Bar"}, {"name": "foo", "type": "Foo"}]}


@pytest.fixture(scope="module")
def registry():
    server = Registry()
    yield server
    server.stop()


def get(url, *arguments):
    """A line per id, and how many questions the registry was asked."""
    done = subprocess.run([PROGRAM, url, *map(str, arguments)], text=True, capture_output=True, timeout=60, check=False)
    assert done.stderr == ""
    lines = done.stdout.split("\n")[:-1]
    return (lines[:-1], int(lines[-1])) if done.returncode == 0 else (lines, 0)


def test_a_schema_by_its_id_is_asked_for_once(registry):
    number = registry.add("once", FOO)
    lines, asked = get(registry.url + "/", number, number, number)
    assert [json.loads(line)["name"] for line in lines] == ["com.x.Foo"] * 3
    assert asked == 1


def test_references_are_followed(registry):
    registry.add("foo", FOO)
    foo = {"name": "com.x.Foo", "subject": "foo", "version": 1}
    registry.add("bar", BAR, [foo])
    number = registry.add("baz", BAZ, [foo, {"name": "com.x.Bar", "subject": "bar", "version": 1}])
    (line,), asked = get(registry.url, number)
    fields = {field["name"]: field["type"] for field in json.loads(line)["fields"]}
    assert fields["bar"]["name"] == "com.x.Bar" and fields["foo"] == "com.x.Foo"
    assert asked == 3  # foo once, though two use it


def test_few_schemas_are_kept(registry):
    numbers = [registry.add(f"kept{i}", {**FOO, "name": f"com.x.Kept{i}"}) for i in range(4)]
    lines, asked = get(registry.url, "kept=2", *numbers, numbers[3], numbers[0])
    assert [json.loads(line)["name"] for line in lines] == [f"com.x.Kept{i}" for i in (0, 1, 2, 3, 3, 0)]
    assert asked == 5


def test_an_unknown_id(registry):
    (line,), asked = get(registry.url, 99999)
    assert line.startswith(f"FIRN-6030 not found: the schema registry at http://127.0.0.1:{registry.port} does not have schema 99999")
    assert asked == 4  # of several servers one may not know it yet


def test_another_path(registry):
    (line,), asked = get(f"http://127.0.0.1:{registry.port}/nothing", 1)
    assert line.startswith("FIRN-6031 corrupt: there is no schema registry at") and "/apis/ccompat/v7" in line
    assert asked == 1


def test_a_registry_that_is_away():
    (line,), asked = get(f"http://127.0.0.1:{free_port()}", "attempts=2", 1)
    assert line.startswith("FIRN-6001 unavailable: cannot GET") and "asking the schema registry for schema 1" in line and "runs and can be reached" in line
    assert asked == 3


def test_a_registry_without_encryption():
    lines, _ = get("http://registry.example.com", 1)
    assert lines[0].startswith("FIRN-6004") and "without encryption" in lines[0]


def test_a_registry_that_cannot_answer_now(registry):
    number = registry.add("busy", FOO)
    front = Front(registry.port)
    front.answers[("GET", "/schemas/ids/")] = [503, 429]
    try:
        (line,), asked = get(f"http://127.0.0.1:{front.port}/apis/ccompat/v7", number)
    finally:
        front.stop()
    assert json.loads(line)["name"] == "com.x.Foo" and asked == 3


@pytest.mark.parametrize("right", ["login", "none", "wrong"])
def test_a_registry_that_wants_a_login(registry, right):
    number = registry.add("login", FOO)
    front = Front(registry.port, "reader:se:cret")
    try:
        url = f"http://127.0.0.1:{front.port}/apis/ccompat/v7"
        given = {"login": ["username=reader", "password=se:cret"], "none": [], "wrong": ["username=reader", "password=other-secret"]}[right]
        (line,), asked = get(url, *given, number)
    finally:
        front.stop()
    if right == "login":
        assert json.loads(line)["name"] == "com.x.Foo"
    else:
        assert line.startswith("FIRN-6002 denied:") and "username and password" in line and "secret" not in line
    assert asked == 1
