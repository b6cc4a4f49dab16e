"""A throw-away Kafka broker and a Kafka Connect worker with the Debezium connector for PostgreSQL."""
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
import uuid

from .process import Process, free_port, scratch_folder

HOME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".cache", "kafka")

BROKER = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.partitions=1
"""

WORKER = """
bootstrap.servers=127.0.0.1:{broker}
listeners=http://127.0.0.1:{port}
plugin.path={plugins}
plugin.discovery={discovery}
offset.storage.file.filename={folder}/offsets
offset.flush.interval.ms=1000
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
config.providers=env,file,directory
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.directory.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider
"""


def _java(memory, main, *arguments):
    return ["java", f"-Xmx{memory}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
            "-cp", os.path.join(HOME, "libs", "*"), main, *arguments]


def _listens(port):
    import socket
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """Subclasses bring further `listeners` (name → port of localhost), what the broker's file has of them, and options of its Java."""
    listeners, java_options = {}, ()

    def __init__(self):
        self.port, controller = free_port(), free_port()
        self.folder = scratch_folder("kafka")
        self.properties = os.path.join(self.folder, "kraft.properties")
        text = BROKER.format(port=self.port, controller=controller, folder=self.folder)
        more = self.more_properties()
        for name, port in self.listeners.items():
            text = text.replace("\nlisteners=", f"\nlisteners={name}://127.0.0.1:{port},").replace(
                "\nadvertised.listeners=", f"\nadvertised.listeners={name}://localhost:{port},")
        with open(self.properties, "w", encoding="utf-8") as file:
            file.write(text + more)
        subprocess.run(_java("256m", "kafka.tools.StorageTool", "format", "-t", str(uuid.uuid4()), "-c", self.properties, *self.format_arguments()),
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start()

    def more_properties(self):
        return ""

    def format_arguments(self):
        return ()

    def start(self):
        self.process = Process("Kafka", _java("512m", *self.java_options, "kafka.Kafka", self.properties), os.path.join(self.folder, "log"))
        self.process.wait_until(lambda: _listens(self.port), 60)

    def stop(self):
        self.process.stop()

    def topics(self, *arguments):
        """Kafka's own kafka-topics."""
        return self.tool("org.apache.kafka.tools.TopicCommand", *arguments)

    def tool_command(self, main, *arguments):
        return _java("128m", main, "--bootstrap-server", f"127.0.0.1:{self.port}", *arguments)

    def tool(self, main, *arguments, stdin=None):
        done = subprocess.run(self.tool_command(main, *arguments), input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{main} {' '.join(arguments)}: {done.stdout}{done.stderr[-2000:]}")
        return done.stdout


class Connect:
    """`environment` is what ${env:NAME} in a connector's configuration is taken from; `plugins` another plugin.path."""

    def __init__(self, broker, environment, plugins=None):
        self.port = free_port()
        self.folder = scratch_folder("connect")
        self.properties = os.path.join(self.folder, "connect.properties")
        with open(self.properties, "w", encoding="utf-8") as file:
            file.write(WORKER.format(broker=broker.port, port=self.port, folder=self.folder,
                                     discovery="hybrid_warn" if plugins else "service_load",  # not all say what they have
                                     plugins=plugins or os.path.abspath(os.path.join(HOME, "plugins"))))
        self.environment = {**os.environ, **environment}
        self.start()

    def start(self):
        self.process = Process("Kafka Connect", _java("1g", "org.apache.kafka.connect.cli.ConnectStandalone", self.properties),
                               os.path.join(self.folder, "log"), env=self.environment)
        self.process.wait_until(self._answers, 120)

    def _answers(self):
        try:
            return self.request("GET", "/connectors") == []
        except (RuntimeError, OSError):  # before its resources are there, it answers 404
            return False

    def request(self, method, path, body=None):
        """The parsed answer; what Connect refuses is raised with its reason."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        return json.loads(text) if text else None

    def wait_running(self, name, timeout_s=90):
        """Until connector and task run; a failed task is raised with its trace."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            status = self.request("GET", f"/connectors/{name}/status")
            states = [status["connector"]["state"]] + [task["state"] for task in status["tasks"]]
            if "FAILED" in states:
                raise RuntimeError(json.dumps(status, indent=1)[:4000])
            if status["tasks"] and set(states) == {"RUNNING"}:
                return status
            time.sleep(0.3)
        raise RuntimeError(f"connector {name} is not running: {status}\n{self.process.log_tail()}")

    def stop(self):
        self.process.stop()


def topic_records(broker, topic, count, timeout_s=60):
    """The first records of a topic, as (key, value) texts, by Kafka's own console consumer."""
    done = subprocess.run(
        _java("256m", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", f"127.0.0.1:{broker.port}",
              "--topic", topic, "--from-beginning", "--max-messages", str(count), "--timeout-ms", str(timeout_s * 1000),
              "--property", "print.key=true", "--property", "key.separator=\x01"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return [tuple(line.split("\x01", 1)) for line in done.stdout.splitlines() if "\x01" in line]
