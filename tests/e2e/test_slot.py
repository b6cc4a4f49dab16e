"""The replication slot is watched: what it holds is shown, told, and bounded as configured."""
import json
import re
import signal
import threading
import time

import pytest

import expected
from conftest import connect
from judges import assert_equal
from test_json_schema import valid
from test_observe import follow, get, metrics, page, shop, status, wait_for, webhook  # noqa: F401 (fixtures)

SLOT = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = 'firn_shop'"


def slot_exists(shop):  # noqa: F811
    return shop.connection.execute("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'firn_shop'").fetchone()[0] == 1


def write_log(shop, megabytes):  # noqa: F811
    for _ in range(megabytes):
        shop.connection.execute("SELECT pg_logical_emit_message(false, 'noise', repeat('x', 1000000))")


@pytest.fixture
def held(shop):  # noqa: F811
    """A transaction of the source that stays open: the slot cannot let go of the log behind it. Ends when it is told. It has written:
    one that has none but its number is not known to the log, and a snapshot of what runs, every 15 s, would let go."""
    other = connect(shop.server, shop.connection.info.dbname)
    other.execute("BEGIN; SELECT pg_logical_emit_message(true, 'held', 'x')")
    yield other
    other.close()
    for process in getattr(shop, "started", ()):
        process.kill()
        process.wait()


def start(shop, *arguments):  # noqa: F811
    process = shop.start("follow", "--source", "shop", *arguments)
    shop.started = [*getattr(shop, "started", ()), process]
    lines = []
    threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True).start()
    return process, lines


def events_of(webhook):  # noqa: F811
    return [valid(event, "notification") for event, _ in webhook.got]


def assert_shop_equal(shop, duck):  # noqa: F811
    for table in ("a", "b"):
        assert_equal(expected.read(shop.connection, "public", table), duck.read(shop.lake, "bronze.shop", table), "DuckDB")


def test_what_the_slot_holds_is_shown(shop, page):  # noqa: F811
    shop.configure(slot_retention_limit="100G")
    process, port = page()
    wait_for(lambda: get(port, "/readyz")[0] == 200)
    document = wait_for(lambda: (d := valid(json.loads(get(port, "/api/status")[1]), "status"))["slot"] and d)
    slot = document["slot"]
    assert (slot["name"], slot["exists"], slot["limit_bytes"], slot["safe_bytes"]) == ("firn_shop", True, 100 << 30, None)
    write_log(shop, 5)
    wait_for(lambda: json.loads(get(port, "/api/status")[1])["slot"]["active"])
    real = shop.connection.execute(SLOT).fetchone()[0]
    shown = metrics(get(port, "/metrics")[1])
    labels = (("slot", "firn_shop"), ("source", "shop"))
    assert 0 < shown["firn_slot_retained_bytes", labels] <= real
    assert shown["firn_slot_limit_bytes", labels] == 100 << 30 and ("firn_slot_safe_bytes", labels) not in shown
    assert shown["firn_slot_active", labels] == 1
    assert {dict(l)["status"]: v for (name, l), v in shown.items() if name == "firn_slot_status"} == \
        {"reserved": 1, "extended": 0, "unreserved": 0, "lost": 0, "missing": 0}
    asked = valid(shop.run("status", "--source", "shop", "--format", "json").expect(0).json, "status")["slot"]
    assert asked["active"] and asked["status"] == "reserved" and asked["limit_bytes"] == 100 << 30
    assert re.search(r"slot firn_shop: holds .* of the source's log, limit .*; is being read; reserved",
                     shop.run("status", "--source", "shop").expect(0).out)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    asked = wait_for(lambda: (s := shop.run("status", "--source", "shop", "--format", "json").expect(0).json["slot"]) and
                     not s["active"] and s)
    shop.server.sql("SELECT pg_drop_replication_slot('firn_shop')")
    gone = valid(shop.run("status", "--source", "shop", "--format", "json").expect(0).json, "status")["slot"]
    assert not gone["exists"] and gone["retained_bytes"] is None
    assert "slot firn_shop: does not exist" in shop.run("status", "--source", "shop").expect(0).out


def test_errors_and_skipped_changes_are_counted(shop, page):  # noqa: F811
    shop.connection.execute("CREATE PUBLICATION firn_all FOR ALL TABLES; DROP PUBLICATION firn_shop; ALTER PUBLICATION firn_all RENAME TO firn_shop")
    process, port = page()
    wait_for(lambda: get(port, "/readyz")[0] == 200)
    shop.connection.execute("CREATE TABLE strange (id int PRIMARY KEY); INSERT INTO strange SELECT generate_series(1, 7)")
    shop.connection.execute("ALTER TABLE b ALTER t TYPE int USING t::int; UPDATE b SET t = 7 WHERE id = 1")
    shop.connection.execute("UPDATE b SET t = 8 WHERE id < 5; UPDATE a SET n = 5 WHERE id = 1")
    wait_for(lambda: {t["table_name"]: t["events_applied"] for t in json.loads(get(port, "/api/status")[1])["tables"]}["a"] == 1)
    shown = metrics(get(port, "/metrics")[1])
    skipped = {dict(l)["reason"]: v for (name, l), v in shown.items() if name == "firn_changes_skipped_total"}
    assert skipped["not_followed"] == 7 and skipped["table_stopped"] >= 4 and skipped["replayed"] == 0, skipped
    assert shown["firn_errors_total", (("code", "FIRN-5037"), ("source", "shop"))] == 1
    assert shown["firn_stream_restarts_total", (("source", "shop"),)] == 0
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 1, "a table is stopped"


def test_maintenance_measures_small_files(shop, page):  # noqa: F811
    shop.configure(maintain_interval="100ms")
    process, port = page()
    shop.connection.execute("UPDATE a SET n = n + 1")
    ratios = wait_for(lambda: {dict(labels)["table"]: value for (name, labels), value in metrics(get(port, "/metrics")[1]).items()
                               if name == "firn_table_small_file_ratio"})
    assert set(ratios) <= {"a", "b"} and set(ratios.values()) == {1.0}, "all files of a small table are small"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0


def test_a_limit_that_only_warns(shop, webhook, held, duck):  # noqa: F811
    shop.configure(slot_retention_limit="8M", notify={"webhook": {"url": webhook.url}})
    process, lines = start(shop)
    write_log(shop, 12)
    wait_for(lambda: any(e["event"] == "slot_retention" for e in events_of(webhook)))
    event = next(e for e in events_of(webhook) if e["event"] == "slot_retention")
    assert "'firn_shop' holds" in event["text"] and ", of a limit of 8." in event["text"], event
    time.sleep(8)
    assert process.poll() is None, "it warns only"
    shop.connection.execute("UPDATE a SET n = n + 1")
    held.execute("ROLLBACK")
    shop.connection.execute("CHECKPOINT")
    wait_for(lambda: any("that is fine again" in line for line in lines))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert_shop_equal(shop, duck)


def test_a_limit_that_ends_the_run(shop, webhook, held, duck):  # noqa: F811
    shop.configure(slot_retention_limit="8M", slot_retention_action="stop", notify={"webhook": {"url": webhook.url}})
    process, lines = start(shop)
    shop.connection.execute("UPDATE a SET n = n + 1")
    write_log(shop, 12)
    assert process.wait(timeout=180) == 1
    text = "".join(lines)
    assert "FIRN-5043" in text and "the slot is still there" in text, text
    assert [e["event"] for e in events_of(webhook)][-1] == "follow_failed" and slot_exists(shop)
    assert_shop_equal(shop, duck)
    held.execute("ROLLBACK")
    shop.connection.execute("UPDATE a SET n = n + 1")
    follow(shop)
    assert_shop_equal(shop, duck)


def test_a_limit_that_drops_the_slot(shop, webhook, held, duck):  # noqa: F811
    """Durably, told, and only a resync goes on."""
    shop.configure(slot_retention_limit="8M", slot_retention_action="drop", notify={"webhook": {"url": webhook.url}})
    process, lines = start(shop)
    shop.connection.execute("UPDATE a SET n = n + 1")
    write_log(shop, 12)
    assert process.wait(timeout=180) == 1
    text = "".join(lines)
    assert "FIRN-5043" in text and "--resync" in text and not slot_exists(shop), text
    assert [e["event"] for e in events_of(webhook)][-3:] == ["slot_retention", "slot_lost", "follow_failed"]
    assert_shop_equal(shop, duck)
    held.execute("ROLLBACK")
    shop.connection.execute("UPDATE a SET n = n + 1 WHERE id < 10; DELETE FROM b WHERE id = 3")
    for _ in range(2):
        refused = follow(shop, code=1)
        assert "FIRN-5039" in refused.err and "--resync" in refused.err
    follow(shop, "--resync")
    assert_shop_equal(shop, duck)
    shop.connection.execute("UPDATE a SET n = n + 1")
    follow(shop)
    assert_shop_equal(shop, duck)


def test_what_catches_up_is_left_alone(shop, duck):  # noqa: F811
    """At its start the slot holds more than the limit, because nobody has followed."""
    shop.connection.execute("INSERT INTO b SELECT g, repeat(md5(g::text), 20) FROM generate_series(1000, 30000) g")
    assert shop.connection.execute(SLOT).fetchone()[0] > 8 << 20
    shop.configure(slot_retention_limit="8M", slot_retention_action="drop")
    follow(shop)
    assert slot_exists(shop)
    assert_shop_equal(shop, duck)


def test_the_servers_own_limit_is_told_of(shop, webhook, held):  # noqa: F811
    shop.configure(notify={"webhook": {"url": webhook.url}})
    c = shop.connection
    c.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '48MB'")
    try:
        c.execute("SELECT pg_reload_conf()")
        process, _ = start(shop)
        deadline = time.monotonic() + 60
        while not webhook.got:
            assert time.monotonic() < deadline and process.poll() is None
            write_log(shop, 1)
            time.sleep(0.2)
        event = events_of(webhook)[0]
        assert event["event"] == "slot_retention" and "PostgreSQL invalidates it" in event["text"]
    finally:
        c.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        c.execute("SELECT pg_reload_conf()")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0


def test_what_a_role_needs(shop, held, duck):  # noqa: F811
    """docs/FOLLOW.md, "Privileges": REPLICATION, and SELECT on the tables; also to drop the slot and to resync."""
    shop.connection.execute("DROP ROLE IF EXISTS firn_little; CREATE ROLE firn_little LOGIN REPLICATION PASSWORD 'canary-little';"
                            "GRANT SELECT ON a, b TO firn_little")
    shop.environment["LITTLE"] = "canary-little"
    shop.secrets.add("canary-little")
    shop.configure({"username": "firn_little", "password": "${LITTLE}"}, slot_retention_limit="8M", slot_retention_action="drop")
    process, lines = start(shop)
    shop.connection.execute("UPDATE a SET n = n + 1")
    write_log(shop, 12)
    assert process.wait(timeout=180) == 1
    assert "FIRN-5043" in "".join(lines) and not slot_exists(shop), "".join(lines)
    held.execute("ROLLBACK")
    shop.connection.execute("UPDATE a SET n = n + 1 WHERE id < 10")
    follow(shop, "--resync")
    assert_shop_equal(shop, duck)
    shop.connection.execute("UPDATE a SET n = n + 1")
    follow(shop)
    assert status(shop)["a"]["events_applied"] > 0
    assert_shop_equal(shop, duck)
    shop.server.sql("SELECT pg_drop_replication_slot('firn_shop')")
    shop.connection.execute("DROP OWNED BY firn_little; DROP ROLE firn_little")


@pytest.mark.parametrize("action", ("warn", "stop", "drop"))
def test_a_limit_while_tables_are_loaded(shop, webhook, duck, action):  # noqa: F811
    """Nobody reads the slot while `--load` loads: its limit holds there, too. Arrays of several dimensions are read as their text, here slowly."""
    shop.configure(slot_retention_limit="8M", slot_retention_action=action, notify={"webhook": {"url": webhook.url}})
    c = shop.connection
    c.execute("CREATE TYPE pair AS (a int, b int); CREATE FUNCTION slowly(pair[]) RETURNS text LANGUAGE plpgsql AS "
              "$$ BEGIN PERFORM pg_catalog.pg_sleep(3); RETURN 'slow'; END $$; CREATE CAST (pair[] AS text) WITH FUNCTION slowly(pair[]);"
              "CREATE TABLE slow (id int PRIMARY KEY, p pair[][]); INSERT INTO slow SELECT g, '{}' FROM generate_series(1, 7) g;"
              "UPDATE a SET n = n + 1")
    write_log(shop, 12)
    process, lines = start(shop, "--load", "--until-caught-up")
    code, text = process.wait(timeout=180), "".join(lines)
    assert any(e["event"] == "slot_retention" for e in events_of(webhook)), text
    if action == "warn":
        assert code == 0, text
        return assert_shop_equal(shop, duck)
    assert code == 1 and "FIRN-5043" in text and slot_exists(shop) == (action == "stop"), text
    shop.configure(slot_retention_limit="0")
    follow(shop, "--load", *(["--resync"] if action == "drop" else []))
    assert_shop_equal(shop, duck)
    rows = shop.lake.static_table("bronze.shop", "slow").scan().to_arrow().to_pylist()
    assert sorted(row["id"] for row in rows) == list(range(1, 8))
