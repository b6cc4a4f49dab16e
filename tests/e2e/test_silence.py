"""A COPY on which nothing comes: a server at work is left alone; a connection that carries nothing is given up, and its part read again."""
import threading
import time

import pytest

import expected
from judges import assert_equal
from test_failures import shop  # noqa: F401 (a fixture)
from test_observe import Cable, wait_for


class DyingCable(Cable):
    """The connection that has brought so many bytes from the server carries nothing any more, without an end: what the server sends
    is left lying, or is acknowledged and thrown away."""
    def __init__(self, host, port, after, swallows):
        self.after, self.swallows, self.dead, self.chosen, self.lock = after, swallows, threading.Event(), None, threading.Lock()
        super().__init__(host, port)

    def carry(self, one, other):
        carried, is_answer = 0, any(one is far for _, far in self.pairs)
        try:
            while data := one.recv(65536):
                carried += len(data) if is_answer else 0
                with self.lock:
                    if is_answer and carried > self.after and not self.chosen:
                        self.chosen = (one, other)
                        self.dead.set()
                    is_dead = self.chosen and one in self.chosen
                if not is_dead:
                    other.sendall(data)
                elif not self.swallows:
                    time.sleep(3600)
        except OSError:
            pass
        if self.chosen and one in self.chosen:
            return  # the other side does not hear of it
        Cable.carry(self, one, other)


@pytest.mark.parametrize("swallows", (False, True))
def test_a_dead_connection_is_given_up(shop, duck, swallows):  # noqa: F811
    cable = DyingCable(shop.server.host, shop.server.port, 3_000_000, swallows)
    shop.source("shop", shop.database, "public", connection={"host": "127.0.0.1", "port": cable.port, "silence_timeout": "1s"},
                bulk_load={"parallel_tables": 2})
    result = shop.run("load", "--source", "shop", "--log-level", "debug", timeout=120).expect(0)
    assert cable.dead.is_set() and "nothing has come for" in result.err, result.err[-3000:]
    assert_equal(expected.read(shop.connection, "public", "t"), duck.read(shop.lake, "bronze.shop", "t"), "DuckDB")
    # The server's process does not stay behind with its lock.
    wait_for(lambda: shop.connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'firn%%' AND datname = %s",
                                             (shop.database,)).fetchone()[0] == 0)
    cable.listener.close()


def test_a_server_at_work_is_left_alone(shop):  # noqa: F811
    """Long silences before the first row and in between, many times the limit: nothing is read again."""
    # Arrays of several dimensions are read as their text.
    shop.connection.execute("CREATE TYPE pair AS (a int, b int); CREATE FUNCTION slowly(pair[]) RETURNS text LANGUAGE plpgsql AS "
                            "$$ BEGIN PERFORM pg_catalog.pg_sleep(3); RETURN 'slow'; END $$; CREATE CAST (pair[] AS text) WITH FUNCTION slowly(pair[]);"
                            "CREATE TABLE slow (id int PRIMARY KEY, p pair[][]); INSERT INTO slow VALUES (1, '{}'), (2, '{}')")
    shop.source("shop", shop.database, "public", connection={"silence_timeout": "400ms"}, bulk_load={"max_retries": 0})
    result = shop.run("load", "--source", "shop", "--log-level", "debug", timeout=120).expect(0)
    assert "is at work" in result.err and "nothing has come" not in result.err, result.err[-3000:]
    rows = shop.lake.static_table("bronze.shop", "slow").scan().to_arrow().to_pylist()
    assert sorted((row["id"], row["p"]) for row in rows) == [(1, "slow"), (2, "slow")]
