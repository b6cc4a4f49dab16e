"""What `firn follow` tells of itself: the status table, `firn status`, the page behind --http, notifications."""
import http.server
import json
import pathlib
import re
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

import expected
from judges import assert_equal
from servers.postgres import SUPERUSER
from test_json_schema import valid

TABLES = ("CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY, t text); "
          "INSERT INTO a SELECT g, 0 FROM generate_series(1, 100) g; INSERT INTO b SELECT g, g::text FROM generate_series(1, 10) g")


@pytest.fixture
def shop(project, new_database):
    """A loaded source `shop` that is to be followed; its slot goes at the end."""
    name, project.connection = new_database(TABLES)
    project.environment["SUPER_PASSWORD"] = project.server.password
    project.follow = {"from": "postgres", "commit_interval": "100ms"}

    def configure(connection=None, **follow):
        project.follow.update(follow)
        project.source("shop", name, "public", follow=project.follow,
                       connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}", **(connection or {})})
    project.configure = configure
    configure()
    project.load("shop")
    yield project
    project.server.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'firn_shop'")


def follow(shop, *arguments, code=0):
    return shop.run("follow", "--source", "shop", "--until-caught-up", *arguments, timeout=120).expect(code)


def status(shop):
    document = valid(shop.run("status", "--source", "shop", "--format", "json").expect(0).json, "status")
    return {table["table_name"]: table for table in document["tables"]}


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what.__doc__ or what}")


def status_rows(shop):
    rows = shop.lake.static_table("bronze.shop", "_cdc_status").scan().to_arrow().to_pylist()
    return {row["table_name"]: row for row in rows}


def test_the_status_of_what_is_followed(shop):
    assert {t["follow_state"] for t in status(shop).values()} == {None}
    shop.connection.execute("UPDATE a SET n = n + 1 WHERE id <= 30; DELETE FROM a WHERE id > 95")
    behind = shop.connection.execute("SELECT pg_current_wal_lsn()").fetchone()[0]
    follow(shop)
    rows, shown = status_rows(shop), status(shop)
    assert rows["a"]["events_applied"] == shown["a"]["events_applied"] == 35 and rows["b"]["events_applied"] == 0
    assert rows["a"]["cdc_position"] and rows["b"]["cdc_position"], "a table without changes has a position, too"
    assert rows["a"]["last_event_at"] and rows["a"]["last_commit_at"] >= rows["a"]["last_event_at"]
    assert rows["a"]["load_status"] == "completed" and rows["a"]["record_count"] == 100 and rows["a"]["primary_keys"] == ["id"]
    assert {t["follow_state"] for t in shown.values()} == {"following"} and shown["a"]["error_message"] is None

    # What the source has done since is the lag.
    shop.connection.execute("INSERT INTO a SELECT g, repeat('1', 9)::int FROM generate_series(1000, 3000) g")
    ahead, = shop.connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::bigint", (behind,)).fetchone()
    lagging = status(shop)["a"]
    assert lagging["lag_bytes"] > 2000 * 30 and lagging["lag_bytes"] <= ahead + 1_000_000 and lagging["lag_seconds"] > 0
    follow(shop)
    caught_up = status(shop)["a"]
    assert caught_up["lag_bytes"] < lagging["lag_bytes"] and caught_up["events_applied"] == 2036
    assert caught_up["changes_per_second"] > 0
    text = shop.run("status", "--source", "shop").expect(0).out
    assert "following" in text and "2,036" in text

    # A run with nothing to do says nothing.
    before = shop.lake.static_table("bronze.shop", "_cdc_status").metadata.current_snapshot_id
    follow(shop)
    assert shop.lake.static_table("bronze.shop", "_cdc_status").metadata.current_snapshot_id == before


def test_a_stopped_table_says_why_and_no_database_is_needed(shop):
    shop.connection.execute("ALTER TABLE b ALTER t TYPE int USING t::int; UPDATE b SET t = 7; UPDATE a SET n = 1 WHERE id = 1")
    follow(shop, code=1)
    shown = status(shop)
    assert shown["b"]["follow_state"] == "stopped" and "change_type" in shown["b"]["error_message"]
    assert status_rows(shop)["b"]["error_message"] == shown["b"]["error_message"]
    assert shown["a"]["follow_state"] == "following" and shown["a"]["error_message"] is None
    del shop.environment["SUPER_PASSWORD"]
    result = shop.run("status", "--source", "shop", "--format", "json").expect(0)
    assert all(t["lag_bytes"] is None and t["cdc_position"] for t in result.json["tables"])
    assert "SUPER_PASSWORD" in result.err


# ---- the page ----

class Cable:
    """Between firn and its server: it can be cut, and is whole again when it is told; refuse all but the first connections; or
    stall: connections stay, nothing comes through (`flows`)."""
    def __init__(self, host, port):
        self.target, self.cut, self.pairs = (host, port), False, []
        self.accepted, self.refused, self.refuses_from = 0, 0, None
        self.pace, self.last_words = 0, None  # whoever says these bytes is the last that is let through
        self.flows = threading.Event()
        self.flows.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.cut or (self.refuses_from is not None and self.accepted > self.refuses_from):
                self.refused += 1
                near.close()
                continue
            far = socket.create_connection(self.target)
            self.pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        try:
            while data := one.recv(65536):
                if self.last_words and self.last_words in data:
                    self.refuses_from = 0
                self.flows.wait()
                time.sleep(self.pace)
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def break_now(self):
        self.cut = True
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()


def get(port, path, token=None, host=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(text):
    """{(name, labels): value}, of a text in Prometheus' format: each family once, its samples behind its head."""
    samples, families = {}, []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            families.append(line.split()[2])
            continue
        name, labels, value = re.fullmatch(r'([a-z_]+)(?:\{(.*)\})? (\S+)', line).groups()
        assert re.fullmatch(re.escape(families[-1]) + "(_bucket|_sum|_count)?", name), line
        key = name, tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', labels or "")))
        assert key not in samples, line
        samples[key] = float(value)
    assert len(families) == len(set(families))
    return samples


@pytest.fixture
def page(shop):
    """Starts follow with a page; gives the process and the port."""
    started = []

    def start(*arguments, address="127.0.0.1:0", env=None):
        process, told = shop.start("follow", "--source", "shop", "--http", address, *arguments, env=env or {}), []
        started.append((process, told))
        for line in process.stderr:
            told.append(line)
            found = re.search(r"status page is at port (\d+)", line)
            if found:
                threading.Thread(target=told.extend, args=(process.stderr,), daemon=True).start()
                return process, int(found.group(1))
        raise AssertionError("no page")
    yield start
    for process, told in started:
        print("ended before" if process.poll() is not None else "runs", process.returncode, *told, sep="\n")  # shown where a test fails
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0


def test_a_cut_connection_is_seen_and_nothing_is_lost(shop, page, duck):
    """In the middle of writers, several times: not ready and lagging meanwhile, then equal, each change counted once."""
    cable = Cable(shop.server.host, shop.server.port)
    shop.configure({"host": "127.0.0.1", "port": cable.port})
    process, port = page()
    wait_for(lambda: get(port, "/readyz")[0] == 200)
    for cut in range(3):
        for step in range(20):
            shop.connection.execute(f"UPDATE a SET n = n + 1; INSERT INTO b VALUES ({1000 + cut * 100 + step}, 'x')")
        cable.break_now()
        wait_for(lambda: get(port, "/readyz")[0] == 503)
        shop.connection.execute("UPDATE a SET n = n + 1")

        def lag():
            return json.loads(get(port, "/api/status")[1])["tables"][0]["lag_seconds"]
        first = wait_for(lag)
        wait_for(lambda: lag() > first)
        cable.cut = False
        wait_for(lambda: get(port, "/readyz")[0] == 200)
    wait_for(lambda: {t["table_name"]: t["events_applied"] for t in json.loads(get(port, "/api/status")[1])["tables"]} ==
             {"a": 3 * 21 * 100, "b": 3 * 20})
    cable.break_now()
    wait_for(lambda: get(port, "/readyz")[0] == 503)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    cable.listener.close()
    for table in ("a", "b"):
        assert_equal(expected.read(shop.connection, "public", table), duck.read(shop.lake, "bronze.shop", table), "DuckDB")


def test_a_source_away_while_the_stream_is_opened_again(shop, page, duck):
    """A transaction is cut in two, the stream connects, and must be opened from the transaction's begin: the source is away just then."""
    cable = Cable(shop.server.host, shop.server.port)
    shop.configure({"host": "127.0.0.1", "port": cable.port})
    process, port = page()
    wait_for(lambda: get(port, "/readyz")[0] == 200)
    shop.connection.execute("UPDATE a SET n = n + 1")
    wait_for(lambda: {t["events_applied"] for t in json.loads(get(port, "/api/status")[1])["tables"]} == {0, 100})
    cable.pace = 0.05
    shop.connection.execute("INSERT INTO a SELECT g, g FROM generate_series(1000, 200000) g")
    time.sleep(1.5)  # in its middle
    cable.last_words = b"START_REPLICATION"
    cable.break_now()
    cable.cut, cable.pace = False, 0
    wait_for(lambda: cable.refused > 2)
    assert process.poll() is None and get(port, "/healthz")[0] == 200 and get(port, "/readyz")[0] == 503
    cable.last_words = cable.refuses_from = None
    wait_for(lambda: {t["events_applied"] for t in json.loads(get(port, "/api/status")[1])["tables"]} == {0, 199101})
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    cable.listener.close()
    for table in ("a", "b"):
        assert_equal(expected.read(shop.connection, "public", table), duck.read(shop.lake, "bronze.shop", table), "DuckDB")


def test_a_stalled_network_is_noticed_and_nothing_is_lost(shop, page, duck):
    """Packets stop, and no connection breaks: it is seen by the server's silence, told, and connected again."""
    cable = Cable(shop.server.host, shop.server.port)
    shop.connection.execute("ALTER SYSTEM SET wal_sender_timeout = '4s'")
    shop.connection.execute("SELECT pg_reload_conf()")
    try:
        shop.configure({"host": "127.0.0.1", "port": cable.port})
        process, port = page()
        wait_for(lambda: get(port, "/readyz")[0] == 200)
        for stall in range(2):
            for step in range(20):
                shop.connection.execute(f"UPDATE a SET n = n + 1; INSERT INTO b VALUES ({1000 + stall * 100 + step}, 'x')")
            cable.flows.clear()
            shop.connection.execute("UPDATE a SET n = n + 1")
            wait_for(lambda: get(port, "/readyz")[0] == 503)
            assert get(port, "/healthz")[0] == 200
            cable.flows.set()
            wait_for(lambda: get(port, "/readyz")[0] == 200)
        wait_for(lambda: {t["table_name"]: t["events_applied"] for t in json.loads(get(port, "/api/status")[1])["tables"]} ==
                 {"a": 2 * 21 * 100, "b": 2 * 20})
        assert metrics(get(port, "/metrics")[1])["firn_stream_restarts_total", (("source", "shop"),)] >= 2
        cable.flows.clear()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0, "a network that swallows everything holds no end up"
    finally:
        shop.connection.execute("ALTER SYSTEM RESET wal_sender_timeout")
        shop.connection.execute("SELECT pg_reload_conf()")
        cable.flows.set()
    cable.listener.close()
    for table in ("a", "b"):
        assert_equal(expected.read(shop.connection, "public", table), duck.read(shop.lake, "bronze.shop", table), "DuckDB")


def test_the_page_shows_what_is_going_on(shop, page):
    process, port = page()
    wait_for(lambda: get(port, "/readyz")[0] == 200)
    found = json.loads(get(port, "/api/status")[1])["tables"]  # before the first change
    assert {(t["data_files"], t["delete_files"], t["deleted_rows"]) for t in found} == {(1, 0, 0)}
    assert get(port, "/healthz") == (200, "alive\n") and get(port, "/none")[0] == 404
    assert get(port, "/metrics", host="evil.example")[0] == 421

    def shown():
        return {t["table_name"]: t for t in valid(json.loads(get(port, "/api/status")[1]), "status")["tables"]}

    scraped = []
    for step in range(20):
        shop.connection.execute(f"UPDATE a SET n = n + 1; INSERT INTO b VALUES ({100 + step}, 'x'); DELETE FROM b WHERE id = {step}")
        scraped.append(metrics(get(port, "/metrics")[1]))
    wait_for(lambda: (shown()["a"]["events_applied"], shown()["b"]["events_applied"]) == (2000, 20 + 10))
    last = metrics(get(port, "/metrics")[1])

    def value(name, table=None, at=last, **labels):
        labels = {"source": "shop", **({"table": table} if table else {}), **labels}
        return next(v for (sample, l), v in at.items() if sample == name and l == tuple(sorted(labels.items())))

    assert value("firn_changes_total", "a", op="update") == 2000 and value("firn_changes_total", "b", op="insert") == 20
    assert value("firn_changes_total", "b", op="delete") == 10 and value("firn_table_state", "a", state="following") == 1
    updates = [value("firn_changes_total", "a", at=at, op="update") for at in scraped]
    assert updates == sorted(updates), "a counter went back"
    assert value("firn_commits_total", "a", result="ok") >= 1 and value("firn_files_written_total", "a", kind="data") >= 1
    assert value("firn_change_latency_seconds_count") == value("firn_commit_duration_seconds_count") >= 2
    wait_for(lambda: value("firn_lag_seconds", "a", at=metrics(get(port, "/metrics")[1])) == 0)  # other tests' log goes by, too
    assert abs(value("firn_last_commit_timestamp_seconds", "a") - time.time()) < 100
    assert shown()["a"]["changes_per_second"] > 0 and shown()["a"]["record_count"] == 100
    current = {name: shop.lake.static_table("bronze.shop", name) for name in ("a", "b")}
    for name, table in current.items():
        kinds = [file["content"] for file in table.inspect.files().to_pylist()]
        records = sum(file["record_count"] for file in table.inspect.files().to_pylist() if file["content"] == 0)
        gone = records - len(table.scan().to_arrow())
        assert (shown()[name]["data_files"], shown()[name]["delete_files"], shown()[name]["deleted_rows"]) == (
            kinds.count(0), len(kinds) - kinds.count(0), gone)
        assert value("firn_table_files", name, kind="data") == kinds.count(0)
        assert value("firn_table_files", name, kind="delete") == len(kinds) - kinds.count(0) > 0
        assert abs(value("firn_table_deleted_row_ratio", name) - gone / records) < 1e-6
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    after = status(shop)
    assert after["a"]["events_applied"] == 2000 and after["a"]["cdc_position"]


def test_a_page_for_others_needs_a_token(shop, page):
    refused = shop.run("follow", "--source", "shop", "--http", "0.0.0.0:0", timeout=60).expect(64)
    assert "FIRN_HTTP_TOKEN" in refused.err
    token = "0123456789abcdef-of-this-test"
    _, port = page(address="0.0.0.0:0", env={"FIRN_HTTP_TOKEN": token})
    assert [get(port, path)[0] for path in ("/metrics", "/api/status")] == [401, 401] and get(port, "/healthz")[0] == 200
    assert get(port, "/metrics", "0123456789abcdef-of-this-tesT")[0] == 401
    assert "firn_build_info" in get(port, "/metrics", token)[1]


# ---- notifications ----

@pytest.fixture
def webhook():
    """A server; gives its URL, the events that it got, and their tokens."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.got.append((json.loads(self.rfile.read(int(self.headers["Content-Length"]))), self.headers["Authorization"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got = []
    server.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_command_and_a_webhook_are_told(shop, webhook):
    script = shop.folder / "told.py"
    script.write_text("import os, sys\n"
                      "open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')\n"
                      "open(sys.argv[1] + '.env', 'a').write(repr(sorted(n for n in os.environ if 'PASSWORD' in n or n.startswith('FIRN_'))))\n")
    told = shop.folder / "told.jsonl"
    shop.environment["HOOK_TOKEN"] = "s3cret-of-the-hook"
    shop.configure(notify={"command": [sys.executable, str(script), str(told)],
                           "webhook": {"url": webhook.url, "token": "${HOOK_TOKEN}"}})
    shop.connection.execute("ALTER TABLE a ADD COLUMN extra text; UPDATE a SET extra = 'x' WHERE id = 1;"
                            "ALTER TABLE b ALTER t TYPE int USING t::int; UPDATE b SET t = 7")
    follow(shop, code=1)
    events = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    assert [event for event, _ in webhook.got] == events and {token for _, token in webhook.got} == {"Bearer s3cret-of-the-hook"}
    for event in events:
        valid(event, "notification")
    assert [(e["event"], e["table"]) for e in events] == [("schema_change", "a"), ("schema_change", "b"), ("table_failed", "b")]
    assert events[0]["changes"][0]["kind"] == "add_column" and events[0]["changes"][0]["action"] == "applied" and events[0]["position"]
    assert events[2]["error"] == "FIRN-5037" and "change_type" in events[2]["text"]
    assert "PASSWORD" not in pathlib.Path(f"{told}.env").read_text(encoding="utf-8")

    # A run that fails as a whole; who cannot be told holds nothing up.
    shop.server.sql("SELECT pg_drop_replication_slot('firn_shop')")
    webhook.got.clear()
    shop.configure(notify={"command": ["/nonexistent/program"], "events": ["follow_failed"], "webhook": {"url": webhook.url}})
    result = shop.run("follow", "--source", "shop", "--until-caught-up", timeout=120)
    assert result.code == 1 and "FIRN-2008" in result.err
    (event, token), = webhook.got
    assert event["event"] == "follow_failed" and event["error"] == "FIRN-2008" and token is None
    assert "/nonexistent/program" in result.err


def test_an_event_that_there_is_not(shop):
    shop.configure(notify={"command": ["true"], "events": ["nonsense"]})
    assert "'nonsense'" in shop.run("follow", "--source", "shop", timeout=60).expect(64).err


# ---- a position that was set by hand ----

def state(shop, table):
    return shop.run("state", "show", table, "--source", "shop", "--format", "json").expect(0).json


def test_windows_that_come_again_are_not_applied_twice(shop, duck):
    c, copy = shop.connection, "SELECT pg_copy_logical_replication_slot('{}', '{}')"
    c.execute("CREATE TABLE plain (v int); ALTER TABLE plain REPLICA IDENTITY FULL; INSERT INTO plain VALUES (0)")
    shop.load("shop")
    c.execute("UPDATE a SET n = 1 WHERE id = 1; INSERT INTO plain VALUES (1)")
    follow(shop)
    before = {table: state(shop, table)["firn.position"] for table in ("a", "plain")}
    c.execute(copy.format("firn_shop", "firn_kept"))
    for step in range(3):
        c.execute(f"UPDATE a SET n = n + 1 WHERE id > {step}; INSERT INTO plain VALUES (7), ({step}); UPDATE b SET t = '{step}'")
        follow(shop)
    applied = {table: int(state(shop, table)["firn.events-applied"]) for table in ("a", "b", "plain")}
    assert applied == {"a": 1 + 100 + 99 + 98, "b": 30, "plain": 1 + 6}

    assert "--yes" in shop.run("state", "set", "a", before["a"], "--source", "shop").err
    assert state(shop, "a")["firn.position"] != before["a"], "it was not confirmed"
    shop.run("state", "set", "a", "nonsense", "--source", "shop", "--yes").expect(64)
    for table, position in before.items():
        shop.run("state", "set", table, position, "--source", "shop", "--yes").expect(0)
        assert state(shop, table)["firn.position"] == position
    # The slot has moved on: nothing is lost silently.
    c.execute("UPDATE a SET n = n + 1 WHERE id = 5; INSERT INTO plain VALUES (9)")
    refused = shop.run("follow", "--source", "shop", "--until-caught-up", timeout=120)
    assert refused.code not in (0, 130), refused.err
    shop.server.sql("SELECT pg_drop_replication_slot('firn_shop')")
    c.execute(copy.format("firn_kept", "firn_shop"))
    shop.server.sql("SELECT pg_drop_replication_slot('firn_kept')")
    result = follow(shop)
    assert result.err.count("were applied before") == 6, result.err
    assert {table: int(state(shop, table)["firn.events-applied"]) for table in applied} == \
        {"a": applied["a"] + 1, "b": applied["b"], "plain": applied["plain"] + 1}
    for table in ("a", "b", "plain"):
        assert_equal(expected.read(c, "public", table), duck.read(shop.lake, "bronze.shop", table), "DuckDB")
