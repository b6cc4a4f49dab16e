"""What goes wrong outside: one clear message with a code, the right exit code, nothing half-written."""
import os
import pwd
import re
import resource
import shutil
import socket
import subprocess

import pytest

from firn import BINARY, LOADER, cause
from servers.process import free_port, scratch_folder

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 20000) g"


@pytest.fixture
def shop(project, new_database):
    project.database, project.connection = new_database(TABLE)
    project.source("shop", project.database, "public")
    return project


def assert_message(result, code, *parts):
    assert re.search(r"FIRN-\d{4}", result.err), f"no error code\n{result}"
    for part in parts:
        assert part in result.err, f"{part!r} is not in the message\n{result}"
    assert result.code == code, f"{cause(result.err)}\nexpected exit code {code}\n{result}"


@pytest.mark.parametrize("command", ["load", "check"])
def test_wrong_password(shop, command):
    shop.secrets.add("wrong-canary-1234")
    result = shop.run(command, "--source", "shop", env={"FIRN_TEST_PASSWORD": "wrong-canary-1234"})
    assert_message(result, 77, "FIRN-2002", LOADER)


@pytest.mark.parametrize("command", ["load", "check"])
def test_nobody_listens(shop, command):
    port = free_port()
    shop.source("shop", shop.database, "public", connection={"port": port}, bulk_load={"max_retries": 0})
    assert_message(shop.run(command, "--source", "shop"), 75, "FIRN-2001", str(port))


def test_unknown_host(shop):
    shop.source("shop", shop.database, "public", connection={"host": "no-such-host.invalid", "sslmode": "disable"},
                bulk_load={"max_retries": 0})
    assert_message(shop.run("load", "--source", "shop"), 75, "FIRN-2001", "no-such-host.invalid")


def test_host_that_speaks_something_else(shop):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        import threading

        def answer():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()
        threading.Thread(target=answer, daemon=True).start()
        shop.source("shop", shop.database, "public", connection={"port": listener.getsockname()[1]}, bulk_load={"max_retries": 0})
        result = shop.run("load", "--source", "shop")
        assert result.code in (65, 75) and "FIRN-" in result.err
        listener.shutdown(socket.SHUT_RDWR)


def test_missing_database(shop):
    shop.source("shop", "no_such_database", "public")
    assert_message(shop.run("load", "--source", "shop"), 66, "no_such_database")


def test_missing_schema(shop):
    shop.source("shop", shop.database, "no_such_schema")
    assert_message(shop.run("load", "--source", "shop"), 66, "no_such_schema")


def test_missing_privilege(shop, server):
    server.sql("CREATE ROLE pauper LOGIN PASSWORD 'canary-pauper'")
    shop.secrets.add("canary-pauper")
    shop.source("shop", shop.database, "public", connection={"username": "pauper"})
    try:
        result = shop.run("load", "--source", "shop", env={"FIRN_TEST_PASSWORD": "canary-pauper"})
        assert result.code in (1, 77)
        assert "GRANT SELECT" in result.err and "t" in result.err
        check = shop.run("check", "--source", "shop", "--sql", env={"FIRN_TEST_PASSWORD": "canary-pauper"})
        assert "GRANT" in check.out
    finally:
        server.sql("DROP ROLE pauper")


def test_unknown_source(shop):
    assert_message(shop.run("load", "--source", "shpo"), 66, "shpo", "shop")


def test_mistyped_option(shop):
    assert_message(shop.run("load", "--source", "shop", "--tabel-filter", "x"), 64, "--tabel-filter", "--table-filter")


def test_mistyped_key_names_file_and_line(shop):
    path = shop.folder / "config" / "sources.yaml"
    path.write_text(path.read_text().replace("username:", "usernam:"))
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "usernam:" in text)
    assert_message(shop.run("load", "--source", "shop"), 64, f"sources.yaml:{line}", "usernam", "username")


def test_missing_variable_names_file_and_line(shop):
    shop.environment.pop("FIRN_TEST_PASSWORD")
    path = shop.folder / "config" / "sources.yaml"
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "password:" in text)
    assert_message(shop.run("load", "--source", "shop"), 64, f"sources.yaml:{line}", "FIRN_TEST_PASSWORD")


def test_partition_by_an_unknown_column(shop):
    shop.source("shop", shop.database, "public", tables={"t": {"partition_by": ["month(creatd)"]}})
    result = shop.run("load", "--source", "shop")
    assert result.code in (1, 64) and "creatd" in result.err and "FIRN-3203" in result.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_unwritable_warehouse(shop):
    nobody = pwd.getpwnam("nobody")
    shop.warehouse.mkdir()
    for folder in (shop.folder, shop.folder / "config"):
        os.chmod(folder, 0o755)
    for name in ("logs", "checkpoints"):
        (shop.folder / name).mkdir()
        os.chmod(shop.folder / name, 0o777)
    binary = os.path.join(scratch_folder("binary"), "firn")
    shutil.copy(BINARY, binary)
    done = subprocess.run([binary, "load", "--source", "shop"], cwd=shop.folder, env=shop.full_environment(), text=True,
                          capture_output=True, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], timeout=120, check=False)
    assert done.returncode in (1, 77), done.stderr
    assert "FIRN-3003" in done.stderr and str(shop.warehouse) in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_full_disk(shop):
    """The disk fills in the middle of a table: an error that says so, and the same command goes on afterwards."""
    shop.warehouse.mkdir()
    shop.connection.execute("CREATE TABLE big (id int PRIMARY KEY, noise text); INSERT INTO big "
                            "SELECT g, md5(g::text) || md5('a' || g) || md5('b' || g) FROM generate_series(1, 60000) g")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(shop.warehouse)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr.decode()}")
    try:
        result = shop.run("load", "--source", "shop")
        assert result.code in (1, 74), result
        assert "FIRN-3002" in result.err and "disk is full" in result.err.lower().replace("no space left on device", "disk is full")
        subprocess.run(["mount", "-o", "remount,size=200m", str(shop.warehouse)], check=True)
        shop.load("shop")
        assert shop.lake.static_table("bronze.shop", "big").scan().count() == 60000
    finally:
        subprocess.run(["umount", str(shop.warehouse)], check=True)


def test_file_size_limit_is_an_error_of_the_system(shop):
    """A write that the kernel refuses (here: RLIMIT_FSIZE) ends in words, not in SIGXFSZ."""
    result = shop.run("load", "--source", "shop",
                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    assert result.code in (1, 74), result
    assert "FIRN-3" in result.err


def test_second_firn_on_the_same_source_waits_or_refuses(shop):
    shop.connection.execute("INSERT INTO t SELECT g, repeat(md5(g::text), 30) FROM generate_series(20001, 120000) g")
    first = shop.start("load", "--source", "shop")
    second = shop.run("load", "--source", "shop")
    first.communicate(timeout=120)
    assert first.returncode in (0, 75) and second.code in (0, 75)
    assert 0 in (first.returncode, second.code)
    assert shop.lake.static_table("bronze.shop", "t").scan().count() == 120000


def test_connection_lost_while_loading(shop, server):
    """The server drops every connection once: firn reads the piece again, or says that it may be tried again."""
    shop.connection.execute("INSERT INTO t SELECT g, repeat(md5(g::text), 30) FROM generate_series(20001, 200000) g")
    process = shop.start("load", "--source", "shop", "--parallel-tables", "2")
    for _ in range(200):
        count = server.sql(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{LOADER}' AND query LIKE '%COPY%'")
        if count != "0" or process.poll() is not None:
            break
    _, err = process.communicate(timeout=120)
    assert process.returncode in (0, 1, 75), err
    if process.returncode:
        assert "FIRN-" in err
        shop.load("shop")
    assert shop.lake.static_table("bronze.shop", "t").scan().count() == 200000
