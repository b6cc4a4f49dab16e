"""Random changes through the real Debezium and Kafka, while firn, Kafka Connect and the broker are killed and firn's share out their
topics anew: in the end the lake equals the source, by every reader."""
import json
import os
import random
import signal
import subprocess
import time

import pytest

import expected
from judges import assert_equal, read_pyiceberg
from servers.kafka import Broker, Connect
from firn import LOADER_PASSWORD
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


def _follow_to_the_end(chain, timeout_s=120):
    """By one that stays: the partitions of the dead come to it when their sessions end."""
    ends = {}
    for name in NAMES:
        topic = f"dev.{chain.name}.public.{name}"
        ends[name] = int(chain.broker.tool("org.apache.kafka.tools.GetOffsetShell", "--topic", topic).strip().rsplit(":", 1)[1])
    process = chain.project.start("follow", "--source", chain.name, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + timeout_s
    try:
        while not all(_place(chain, name) >= end - 1 for name, end in ends.items()):  # the last one may be a tombstone
            assert process.poll() is None, process.communicate()[1][-3000:]
            assert time.monotonic() < deadline, (ends, [_place(chain, name) for name in NAMES])
            time.sleep(1)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _place(chain, name):
    """The next offset that the table needs."""
    text = chain.property(name, "firn.position") or ""
    return json.loads(text)["topics"].get(f"dev.{chain.name}.public.{name}", {}).get("0", [0])[0] if text.startswith("{") else 0
