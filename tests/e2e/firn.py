"""Runs the firn program in a project folder of its own, and looks at everything it leaves behind."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import time
from dataclasses import dataclass

import yaml

from judges import Lake

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FIRN_BIN", str(ROOT / "build" / "firn"))
LOADER, LOADER_PASSWORD = "firn_loader", "canary-9f3c1d7e-password"
SUMMARY = re.compile(r"firn load: (?P<done>[\d,]+) tables? done, (?P<failed>[\d,]+) failed, (?P<skipped>[\d,]+) skipped; "
                     r"(?P<rows>[\d,]+) rows?, (?P<bytes>\S+ \S+) in (?P<time>[^;\s]+)(?:; position (?P<position>\S+))?")


def cause(err):
    """What a run says last of why it ended, in a line: of the tables that were stopped, and of itself."""
    stopped = re.findall(r"^\S+ error +(.*)$", err, re.M)
    itself = re.findall(r"^firn: (.*)$", err, re.M)
    return " | ".join(stopped[-1:] + itself[-1:]) or " ".join(err.splitlines()[-3:])


@dataclass
class Result:
    arguments: tuple
    code: int
    out: str
    err: str
    seconds: float

    def __str__(self):
        return f"firn {' '.join(self.arguments)} → {self.code} in {self.seconds:.1f} s\nstdout:\n{self.out}\nstderr:\n{self.err}"

    def expect(self, code=0):
        assert self.code == code, f"{cause(self.err)}\nexpected exit code {code}\n{self}"
        return self

    @property
    def json(self):
        return json.loads(self.out)

    def summary(self):
        """The fields of the last line."""
        line = [line for line in self.err.splitlines() if line.strip()][-1]
        match = SUMMARY.search(line)
        assert match, f"the last line is not the summary: {line!r}\n{self}"
        return {name: value if name in ("bytes", "time", "position") else int(value.replace(",", ""))
                for name, value in match.groupdict().items()}


class Project:
    """A project folder: config/, warehouse/, logs/."""

    def __init__(self, folder, server):
        self.folder = pathlib.Path(folder)
        self.server = server
        self.warehouse = self.folder / "warehouse"
        self.lake = Lake(self.warehouse)
        self.sources = {}
        self.environment = {"FIRN_TEST_PASSWORD": LOADER_PASSWORD}
        self.secrets = {LOADER_PASSWORD, server.password}
        (self.folder / "config").mkdir(parents=True, exist_ok=True)

    def source(self, name, database, schema, namespace=None, connection=None, **settings):
        """Adds a source to sources.yaml."""
        self.sources[name] = {
            "database_type": "postgres",
            "iceberg_namespace": namespace or f"bronze.{name}",
            "database_connection": {"host": self.server.host, "port": self.server.port, "database": database,
                                    "username": LOADER, "password": "${FIRN_TEST_PASSWORD}", "schema": schema,
                                    **(connection or {})},
            **settings,
        }
        self.write_config()
        return self

    def kafka_cluster(self, name, **settings):
        """Adds a cluster to kafka_clusters.yaml."""
        self.clusters = {**getattr(self, "clusters", {}), name: settings}
        text = yaml.safe_dump({"kafka_clusters": self.clusters}, sort_keys=False, allow_unicode=True)
        (self.folder / "config" / "kafka_clusters.yaml").write_text(text, encoding="utf-8")
        return self

    def write_config(self):
        text = yaml.safe_dump({"sources": self.sources}, sort_keys=False, allow_unicode=True)
        (self.folder / "config" / "sources.yaml").write_text(text, encoding="utf-8")

    def start(self, *arguments, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **keywords):
        return subprocess.Popen([BINARY, *arguments], cwd=self.folder, stdout=stdout, stderr=stderr, stdin=stdin,
                                env=self.full_environment(env), text=True, **keywords)

    def full_environment(self, env=None):
        """Ours, without what would steer firn from outside."""
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith(("FIRN_", "PG")) and name not in ("CONFIG_DIR", "CATALOG_NAME", "WAREHOUSE_PATH",
                                                                              "PROJECT_ROOT", "NO_COLOR", "TRACEPARENT")}
        return {**inherited, **self.environment, **(env or {})}

    def run(self, *arguments, env=None, timeout=300, **keywords):
        started = time.monotonic()
        process = self.start(*arguments, env=env, **keywords)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"firn {' '.join(arguments)} did not end within {timeout} s: {cause(err)}\n{err[-3000:]}") from None
        result = Result(arguments, process.returncode, out or "", err or "", time.monotonic() - started)
        self.assert_no_secret(result)
        return result

    def load(self, source, *arguments, code=0, **keywords):
        return self.run("load", "--source", source, *arguments, **keywords).expect(code)

    def assert_no_secret(self, result=None):
        """No password in what was printed, nor in any file that firn wrote."""
        texts = {"stdout": result.out, "stderr": result.err} if result else {}
        for path in self.folder.rglob("*"):
            if path.is_file() and path.suffix not in (".parquet", ".avro") and path.name != ".env" and "sources.yaml" not in path.name:
                with contextlib.suppress(FileNotFoundError):  # another writer's temporary file
                    texts[str(path)] = path.read_bytes().decode("utf-8", errors="replace")
        for secret in self.secrets:
            for where, text in texts.items():
                assert secret not in text, f"a password was written to {where}"

    def run_json(self):
        """The newest logs/run-<id>.json."""
        found = sorted((self.folder / "logs").glob("run-*.json"), key=lambda path: path.stat().st_mtime_ns)
        assert found, "no logs/run-*.json"
        return json.loads(found[-1].read_text(encoding="utf-8"))
