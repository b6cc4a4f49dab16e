"""A throw-away PostgreSQL: own cluster, free port, no fsync, logical WAL.

    with PostgresServer() as server:
        server.sql("CREATE DATABASE shop")

`python3 tests/servers/postgres.py COMMAND ARGS...` runs COMMAND with PGHOST, PGPORT, PGUSER, PGPASSWORD set, then ends the
server. PGBIN chooses another PostgreSQL.

PostgresServer(version=12) is one of those that tools/setup --tests puts into .cache/postgres (postgres.lock).
"""
import glob
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from servers.process import Process, ServerFailed, exit_on_signals, free_port, give, scratch_folder, unprivileged_user

SUPERUSER = "postgres"
VERSIONS = pathlib.Path(__file__).resolve().parents[2] / ".cache" / "postgres"
CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{socket_folder}'
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_connections = 100
max_wal_size = 4GB
checkpoint_timeout = 30min
shared_buffers = {shared_buffers}
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
autovacuum = {autovacuum}
jit = off
"""


def binary_folder():
    """Where initdb and postgres are: $PGBIN, else the newest that Debian has installed."""
    if os.environ.get("PGBIN"):
        return os.environ["PGBIN"]
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    if not found:
        raise ServerFailed("no PostgreSQL server is installed: run tools/setup --tests")
    newest = max(found, key=lambda path: int(re.search(r"/(\d+)/", path).group(1)))
    return os.path.dirname(newest)


def version_folder(version):
    """Where the programs of one of the other versions are."""
    folder = VERSIONS / str(version) / "native"
    if not (folder / "bin" / "postgres").exists():
        raise ServerFailed(f"PostgreSQL {version} is not there: run tools/setup --tests")
    return str(folder / "bin")


def link(folder):
    """Makes the links that the archives list instead of holding them."""
    with open(os.path.join(folder, "native", "pg-symlinks.json"), encoding="utf-8") as file:
        for pair in json.load(file):
            source, target = (os.path.join(folder, pair[end]) for end in ("source", "target"))
            if not os.path.lexists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.symlink(os.path.relpath(source, os.path.dirname(target)), target)


class PostgresServer:
    """`settings`: further lines of postgresql.conf."""

    def __init__(self, shared_buffers="256MB", autovacuum="off", superuser_password="superuser-secret", version=None,
                 settings=""):
        self.clients = binary_folder() # psql and pg_isready: any version's
        self.bin = version_folder(version) if version else self.clients
        self.server_environment = None
        if version:
            self.server_environment = dict(os.environ, LD_LIBRARY_PATH=os.path.join(os.path.dirname(self.bin), "lib"))
        self.host, self.port = "127.0.0.1", free_port()
        self.password = superuser_password
        self.folder = scratch_folder("postgres")
        self.user = unprivileged_user()
        give(self.folder, self.user)
        self._initialise()
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as config:
            config.write(CONFIGURATION.format(port=self.port, socket_folder=self.folder,
                                              shared_buffers=shared_buffers, autovacuum=autovacuum) + settings)
        self.process = None
        self.start()

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    def _run_as_server(self, *command):
        keywords = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, env=self.server_environment,
                       **keywords)

    def _initialise(self):
        password_file = os.path.join(self.folder, "password")
        with open(password_file, "w", encoding="utf-8") as file:
            file.write(self.password)
        give(password_file, self.user)
        self._run_as_server(os.path.join(self.bin, "initdb"), "-D", self.data, "-U", SUPERUSER, "--no-sync",
                            "--locale=C.UTF-8", "-E", "UTF8", "--auth-local=trust", "--auth-host=scram-sha-256",
                            f"--pwfile={password_file}")
        os.unlink(password_file)

    def start(self):
        self.process = Process("PostgreSQL", [os.path.join(self.bin, "postgres"), "-D", self.data],
                               os.path.join(self.folder, "log"), user=self.user, cwd=self.folder,
                               env=self.server_environment, stop_signal=signal.SIGQUIT)
        self.process.wait_until(self._answers, 60)

    def _answers(self):
        return subprocess.run([os.path.join(self.clients, "pg_isready"), "-q", "-h", self.folder, "-p", str(self.port)],
                              check=False).returncode == 0

    def environment(self, database="postgres"):
        """Connection variables of libpq, over those of this process."""
        return dict(os.environ, PGHOST=self.host, PGPORT=str(self.port), PGUSER=SUPERUSER, PGPASSWORD=self.password,
                    PGDATABASE=database, PGSOCKET=self.folder, PGCLIENTENCODING="UTF8")

    def sql(self, text, database="postgres"):
        """Runs statements; the answer is unaligned text without headings."""
        return self._psql(["-c", text], database)

    def sql_file(self, path, database="postgres", **variables):
        settings = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
        return self._psql([*settings, "-f", path], database)

    def _psql(self, arguments, database):
        done = subprocess.run([os.path.join(self.clients, "psql"), "-qXAt", "-v", "ON_ERROR_STOP=1", *arguments],
                              env=self.environment(database), text=True, capture_output=True, check=False)
        if done.returncode:
            raise ServerFailed(f"psql failed: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    if sys.argv[1:2] == ["--link"]:
        return link(sys.argv[2])
    exit_on_signals()
    with PostgresServer(shared_buffers=os.environ.get("PG_SHARED_BUFFERS", "512MB")) as server:
        return subprocess.run(sys.argv[1:], env=server.environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
