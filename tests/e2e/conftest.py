"""One PostgreSQL, one Spark per Iceberg version and one DuckDB for all end-to-end tests."""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pytest

import expected
from firn import BINARY, LOADER, LOADER_PASSWORD, Project, ROOT
from judges import DuckDB
from servers.postgres import PostgresServer, SUPERUSER
from servers.process import exit_on_signals, scratch_folder
from spark import Spark

EDGE_FILES = ("types.sql", "names.sql", "shapes.sql", "policy.sql")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: needs Spark or Kafka; left out by ./test --quick")
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"{BINARY} is not there: run ./test, or ninja -C build", 2)
    # SystemExit would be taken for a test that failed.
    exit_on_signals(lambda code: pytest.exit("stopped by a signal", code))


def pytest_collection_modifyitems(items):
    """Whatever uses Spark or Kafka is slow."""
    for item in items:
        if {"spark", "spark_old", "spark_new", "kafka_connect"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def server():
    with PostgresServer() as running:
        running.sql(f"CREATE ROLE {LOADER} LOGIN REPLICATION PASSWORD '{LOADER_PASSWORD}'")
        running.sql(f"GRANT pg_read_all_data TO {LOADER}")
        yield running


@pytest.fixture(scope="session")
def edge(server):
    """A superuser's connection, in text form, to the edge database."""
    server.sql("CREATE DATABASE edge")
    for name in EDGE_FILES:
        server.sql_file(str(HERE / "edge" / name), database="edge")
    connection = connect(server, "edge")
    yield connection
    connection.close()


def connect(server, database):
    return expected.connect(f"host={server.folder} port={server.port} user={SUPERUSER} dbname={database}")


@pytest.fixture
def new_database(server):
    """Makes databases for one test: new_database(sql) → (name, connection)."""
    made = []

    def make(sql=""):
        name = f"test_{os.getpid()}_{len(made)}_{id(made) % 100000}"
        server.sql(f"CREATE DATABASE {name}")
        connection = connect(server, name)
        connection.execute("RESET search_path")
        if sql:
            connection.execute(sql)
        made.append((name, connection))
        return name, connection
    yield make
    for name, connection in made:
        connection.close()
        server.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def project(server):
    """An empty project, outside pytest's own folders so that other accounts can be given access."""
    return Project(scratch_folder("project"), server)


@pytest.fixture(scope="session")
def duck():
    return DuckDB()


def _spark(version):
    return Spark(str(ROOT / ".cache" / "jars" / f"iceberg-spark-runtime-3.5_2.12-{version}.jar"))


@pytest.fixture(scope="session")
def spark_old():
    """Spark with the oldest Iceberg that must read us."""
    session = _spark("1.4.2")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def spark_new():
    session = _spark("1.10.0")
    yield session
    session.stop()
