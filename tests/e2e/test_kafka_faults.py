"""Random changes through the real Debezium and Kafka, while firn, Kafka Connect and the broker are killed and firn's share out their
topics anew: in the end the lake equals the source, by every reader."""
import os
import random
import shutil
import signal
import subprocess
import time

import psycopg
import pytest

import expected
from judges import assert_equal, read_pyiceberg
from servers.kafka import Broker, Connect
from firn import LOADER_PASSWORD, Project, cause
from servers.process import scratch_folder
from workload import NAMES, TABLES, Workload

Chain = pytest.importorskip("test_kafka").Chain

class Cluster:
    """A broker and a worker that can be killed, and come back at their addresses with what they had on the disk."""

    def __init__(self):
        self.broker = Broker()
        self.connect = Connect(self.broker, {"FIRN_TEST_PASSWORD": LOADER_PASSWORD})
        self.connect.broker = self.broker

    def kill_broker(self):
        _kill(self.broker.process)
        time.sleep(1)
        self.broker.start()

    def kill_connect(self, chain):
        """A standalone worker keeps offsets, but no connectors: they are registered again, as its user would."""
        _kill(self.connect.process)
        self.connect.start()
        chain.register()

    def stop(self):
        self.connect.stop()
        self.broker.stop()


def _kill(process):
    os.killpg(process.popen.pid, signal.SIGKILL)
    process.popen.wait()
    process.stop()


@pytest.fixture(scope="module")
def kafka_connect():
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def chain(project, new_database, kafka_connect, request):
    made = Chain(project, new_database, kafka_connect.connect, request.node.name.removeprefix("test_").replace("_", "")[:20])
    yield made
    made.clean()


@pytest.fixture
def seed():
    chosen = int(os.environ.get("FIRN_TEST_SEED", random.randrange(1 << 30)))
    print(f"FIRN_TEST_SEED={chosen}")
    return chosen


def _work(work, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        work.transaction()
        time.sleep(0.01)


def _assert_equal(chain, duck, spark):
    chain.assert_equal(duck)
    for name in NAMES:
        source = expected.read(chain.connection, "public", name)
        assert_equal(source, spark.read(chain.project.warehouse, f"bronze.{chain.name}", name), "Spark")


def test_kills(chain, duck, spark_new, kafka_connect, seed):
    """Each of the three is killed while changes are on their way, in an order of chance, one of them twice."""
    chain.make(TABLES, tables={name: {"format_version": 2 + (seed + i) % 2} for i, name in enumerate(NAMES)})
    chain.register()
    work, r = Workload(chain.connection, seed), random.Random(seed)
    victims = ["firn", "connect", "broker"]
    victims.append(r.choice(victims))
    r.shuffle(victims)
    print(victims)
    follower = chain.project.start("follow", "--source", chain.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for victim in victims:
            _work(work, r.uniform(1, 3))
            if victim == "broker":
                kafka_connect.kill_broker()
            elif victim == "connect":
                kafka_connect.kill_connect(chain)
            else:
                follower.kill()
                follower.wait()
            _work(work, 0.5)
            if follower.poll() is not None:  # killed, or it gave up on a broker that was away: started again, as a service is
                assert follower.returncode in (-signal.SIGKILL, 75), follower.returncode
                follower = chain.project.start("follow", "--source", chain.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    finally:
        follower.kill()
        follower.wait()
    chain.wait()
    chain.follow()
    _assert_equal(chain, duck, spark_new)


def _other_machine(project):
    """The same configuration and warehouse, all else of its own: what another machine has."""
    other = Project(scratch_folder("machine"), project.server)
    shutil.copytree(project.folder / "config", other.folder / "config", dirs_exist_ok=True)
    other.environment = {**project.environment, "WAREHOUSE_PATH": f"file://{project.warehouse}"}
    return other


class Followers:
    """Three firn on three machines that follow one source."""

    def __init__(self, chain):
        self.chain = chain
        self.machines = [chain.project, _other_machine(chain.project), _other_machine(chain.project)]
        self.running = [None, None, None]
        self.logs = [machine.folder / "follow.log" for machine in self.machines]

    def start(self, number):
        with open(self.logs[number], "a") as log:
            self.running[number] = self.machines[number].start("follow", "--source", self.chain.name, stdout=subprocess.DEVNULL, stderr=log)

    def signal(self, number, which):
        self.running[number].send_signal(which)

    def ended(self, number):
        """By our own signals, or because the broker was away too long; anything else is a fault."""
        code = self.running[number].wait(timeout=90)
        assert code in (-signal.SIGKILL, 0, 75, 130), f"{code}: {cause(self.log(number))}\n{self.log(number)[-3000:]}"

    def log(self, number):
        return self.logs[number].read_text()

    def assert_all_run(self):
        for number, process in enumerate(self.running):
            assert process.poll() is None, f"{process.returncode}: {cause(self.log(number))}\n{self.log(number)[-3000:]}"

    def kill(self):
        for process in self.running:
            if process:
                process.kill()
                process.wait()

    def assert_nothing_lost(self):
        for number in range(3):
            text = self.log(number)
            assert "were not in the lake" not in text and "FIRN-" not in text, text[-5000:]


@pytest.fixture
def followers(chain):
    made = []

    def make():
        made.append(Followers(chain))
        return made[-1]
    yield make
    for each in made:
        each.kill()


def test_rebalances(chain, followers, duck, spark_new, seed):
    """Three firn on three machines come, go and die; the tables change hands. Nobody gives up, and who catches up does not end before all have."""
    chain.make(TABLES)
    chain.register()
    work, r = Workload(chain.connection, seed), random.Random(seed)
    three = followers()
    for number in range(3):
        three.start(number)
        _work(work, 1)
    for _ in range(5):
        _work(work, r.uniform(0.5, 2))
        number = r.randrange(3)
        three.signal(number, r.choice((signal.SIGKILL, signal.SIGTERM)))
        three.ended(number)
        _work(work, r.uniform(0, 1))
        three.start(number)
        three.assert_all_run()
    three.kill()
    chain.wait()
    chain.follow()
    _assert_equal(chain, duck, spark_new)
    three.assert_nothing_lost()


def test_zombie(chain, followers, duck, spark_new, seed):
    """One that stops for longer than its session lasts, with changes half read, and wakes up when others have its tables."""
    chain.make(TABLES)
    chain.register()
    work = Workload(chain.connection, seed)
    three = followers()
    for number in range(3):
        three.start(number)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        work.transaction()
        time.sleep(0.01)
    stopped = seed % 3
    three.signal(stopped, signal.SIGSTOP)
    _work(work, 2)
    chain.wait()
    other = [number for number in range(3) if number != stopped]
    three.signal(other[0], signal.SIGTERM)
    three.ended(other[0])
    # The dead one's partitions come to somebody else when its session has ended, 30 s later.
    three.machines[other[0]].run("follow", "--source", chain.name, "--until-caught-up", timeout=150).expect(0)
    _assert_equal(chain, duck, spark_new)
    _work(work, 1)
    three.signal(stopped, signal.SIGCONT)
    _work(work, 5)
    assert three.running[stopped].poll() is None and three.running[other[1]].poll() is None
    three.kill()
    chain.wait()
    chain.follow()
    _assert_equal(chain, duck, spark_new)
    three.assert_nothing_lost()


PARTED = """
CREATE TABLE narrow (id int PRIMARY KEY, name text, amount numeric(12,2) NOT NULL);
CREATE TABLE pair (a int, b text, v float8, PRIMARY KEY (b, a));
CREATE TABLE bare (v text, n int);
ALTER TABLE bare REPLICA IDENTITY FULL;
INSERT INTO narrow SELECT g, md5(g::text), g FROM generate_series(1, 2000) g;
INSERT INTO pair SELECT g, 'k' || g % 50, g / 3.0 FROM generate_series(1, 500) g;
INSERT INTO bare SELECT 'row', g FROM generate_series(1, 100) g;
"""
PARTED_NAMES = ("narrow", "pair", "bare")


def _change_parted(connection, r):
    low = r.randint(1, 3000)
    statement = r.choice((
        f"INSERT INTO narrow SELECT g, 'new', {r.randint(0, 999)} FROM generate_series({low}, {low + 40}) g ON CONFLICT (id) DO NOTHING",
        f"UPDATE narrow SET amount = amount + 1 WHERE id BETWEEN {low} AND {low + 300}",
        f"UPDATE narrow SET id = id + 10000 WHERE id BETWEEN {low} AND {low + 20} AND NOT EXISTS "
        f"(SELECT FROM narrow k WHERE k.id BETWEEN {low + 10000} AND {low + 10020})",
        f"DELETE FROM narrow WHERE id BETWEEN {low} AND {low + 30}",
        f"UPDATE pair SET v = v * 2, b = b || 'x' WHERE a % 17 = {r.randint(0, 16)} AND length(b) < 40",
        f"INSERT INTO bare VALUES ('more', {low}), ('more', {low})",
        f"DELETE FROM pair WHERE a % 23 = {r.randint(0, 22)}",
        f"INSERT INTO pair SELECT g, 'n', {r.randint(0, 9)} FROM generate_series({low}, {low + 30}) g ON CONFLICT DO NOTHING"))
    try:
        connection.execute(statement)
    except psycopg.errors.UniqueViolation:  # of pair's longer names; nothing has changed
        pass


def test_one_table_in_several_partitions(chain, followers, duck, spark_new, seed):
    """A topic is read as a whole, by one of the processes; another one takes it over."""
    for name in PARTED_NAMES:
        chain.broker.topics("--create", "--topic", f"dev.{chain.name}.public.{name}", "--partitions", "3")
    chain.make(PARTED)
    chain.register()
    r, three = random.Random(seed), followers()

    def work(seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            _change_parted(chain.connection, r)
            time.sleep(0.01)
    for number in range(3):
        three.start(number)
    work(8)
    joined = [len(three.log(number)) for number in range(3)]
    work(6)
    three.assert_all_run()
    for name in PARTED_NAMES:
        writers = [number for number in range(3) if f"committed table={name}" in three.log(number)[joined[number]:]]
        assert len(writers) == 1, f"{name} is to have one writer: {writers}"
    for _ in range(2):
        number = r.randrange(3)
        three.signal(number, r.choice((signal.SIGKILL, signal.SIGTERM)))
        three.ended(number)
        work(1)
        three.start(number)
        work(3)
    three.assert_all_run()
    three.kill()
    chain.wait()
    chain.follow()
    for name in PARTED_NAMES:
        source = expected.read(chain.connection, "public", name)
        assert_equal(source, read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", name), "PyIceberg")
        assert_equal(source, duck.read(chain.project.lake, f"bronze.{chain.name}", name), "DuckDB")
        assert_equal(source, spark_new.read(chain.project.warehouse, f"bronze.{chain.name}", name), "Spark")
    three.assert_nothing_lost()

    # What nobody can put in order: its table stops, the others go on.
    chain.connection.execute("TRUNCATE narrow; UPDATE bare SET n = n + 1; UPDATE pair SET v = 1 WHERE a < 50")
    chain.wait()
    stopped = chain.follow(code=1).err
    assert "table=narrow" in stopped and "a TRUNCATE, and the topic has 3 partitions" in stopped, stopped
    assert "table=bare" in stopped and "a change of a row without a key, and the topic has 3 partitions" in stopped, stopped
    assert_equal(expected.read(chain.connection, "public", "pair"), duck.read(chain.project.lake, f"bronze.{chain.name}", "pair"), "DuckDB")
