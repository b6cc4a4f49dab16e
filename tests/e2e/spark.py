"""Client of spark_worker.py."""
import json
import os
import re
import subprocess
import sys
import threading

import pyarrow as pa

from servers.process import scratch_folder

HERE = os.path.dirname(os.path.abspath(__file__))


class SparkError(RuntimeError):
    pass


def java_home():
    """A Java that Spark 3.5 runs on: 17, wherever Debian put it; else what is on the path."""
    base = "/usr/lib/jvm"
    names = sorted(os.listdir(base)) if os.path.isdir(base) else []
    return next((os.path.join(base, name) for name in names if re.fullmatch(r"java-17-openjdk-\w+", name)), None)


class Spark:
    """One session with one version of Iceberg. Starts in the background; the first request waits for it."""

    def __init__(self, jar):
        self.jar = jar
        self.scratch = scratch_folder("spark")
        self.catalogs = {}
        self.lock = threading.Lock()
        self.file_count = 0
        read_end, write_end = os.pipe()
        environment = dict(os.environ, PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
        if java_home():
            environment["JAVA_HOME"] = java_home()
        self.log = open(os.path.join(self.scratch, "log"), "wb")
        # The JVM ends when the worker's end of its pipe closes, and the worker when ours does.
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "spark_worker.py"), str(write_end), jar, self.scratch],
                                        stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, pass_fds=(write_end,),
                                        env=environment, text=True)
        os.close(write_end)
        self.answers = os.fdopen(read_end, "r", encoding="utf-8")
        self.ready = False

    def _log_tail(self):
        with open(self.log.name, "rb") as file:
            return file.read()[-3000:].decode(errors="replace")

    def _receive(self):
        line = self.answers.readline()
        if not line:
            raise SparkError(f"Spark ended:\n{self._log_tail()}")
        reply = json.loads(line)
        if "error" in reply:
            raise SparkError(reply["error"])
        return reply["ok"]

    def request(self, **request):
        with self.lock:
            if not self.ready:
                self._receive()
                self.ready = True
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            return self._receive()

    def catalog(self, warehouse):
        """The name of the Hadoop catalog at this warehouse."""
        name = self.catalogs.get(str(warehouse))
        if name is None:
            name = self.catalogs[str(warehouse)] = f"lake{len(self.catalogs)}"
            self.request(action="catalog", name=name, warehouse=f"file://{warehouse}")
        return name

    def table(self, warehouse, namespace, table):
        parts = [self.catalog(warehouse), *namespace.split("."), table]
        return ".".join("`" + part.replace("`", "``") + "`" for part in parts)

    def sql(self, text):
        """Rows of texts."""
        return self.request(action="sql", sql=text)

    def arrow(self, **what):
        """A Spark SQL text (sql=) or a table's folder (path=) → Arrow table."""
        self.file_count += 1
        path = os.path.join(self.scratch, f"{self.file_count}.arrow")
        self.request(action="arrow", file=path, **what)
        with pa.OSFile(path) as source:
            table = pa.ipc.open_file(source).read_all()
        os.unlink(path)
        return table

    def read(self, warehouse, namespace, table):
        return self.arrow(sql=f"SELECT * FROM {self.table(warehouse, namespace, table)}")

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.answers.close()
        self.log.close()
