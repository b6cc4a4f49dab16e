"""What `firn follow` tells of itself: the status table, `firn status`, the page behind --http, notifications."""
import signal
import time

import pytest

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

    def configure(**follow):
        project.follow.update(follow)
        project.source("shop", name, "public", follow=project.follow,
                       connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}"})
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
