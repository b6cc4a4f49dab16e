"""What a person and a machine get to see: summary line, logs, JSON, progress, check, status, init."""
import json
import os
import pty
import re
import select
import time

import pytest

TABLES = """
CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT g, md5(g::text) FROM generate_series(1, 5000) g;
CREATE TABLE b (v text); INSERT INTO b VALUES ('x');
CREATE VIEW w AS SELECT * FROM a;
"""


@pytest.fixture
def shop(project, new_database):
    project.database, project.connection = new_database(TABLES)
    return project.source("shop", project.database, "public")


def test_stdout_carries_results_only(shop):
    assert shop.load("shop").out == ""


def test_log_file(shop):
    shop.load("shop", "--correlation-id", "run-42")
    text = (shop.folder / "logs" / "direct_load.log").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) >= 3
    assert all("run-42" in line for line in lines if re.match(r"\d{4}-\d\d-\d\dT", line))
    assert any("a" in line and "5000" in line.replace(",", "") for line in lines)


def test_json_lines(shop):
    result = shop.load("shop", "--log-format", "json", "--correlation-id", "run-43")
    lines = [json.loads(line) for line in result.err.splitlines()]
    assert lines and all(isinstance(line, dict) for line in lines)
    stamped = [line for line in lines if "message" in line]
    assert all(line.get("correlation_id") == "run-43" for line in stamped)
    for line in (shop.folder / "logs" / "direct_load.log").read_text(encoding="utf-8").splitlines():
        json.loads(line)


def test_last_json_line_of_a_failure(shop):
    result = shop.run("load", "--source", "shop", "--log-format", "json", "--table-filter", "zzz").expect(66)
    last = json.loads(result.err.splitlines()[-1])
    assert last["type"] == "exit" and last["code"] == 66 and last["error"] == "FIRN-5002" and last["retryable"] is False and last["message"]


def test_run_document(shop):
    shop.load("shop", "--correlation-id", "run-44")
    document = shop.run_json()
    text = json.dumps(document)
    assert "run-44" in text and "completed" in text and "5000" in text
    assert {item.get("name", item.get("table")) for item in document["tables"]} >= {"a", "b"}


def test_run_document_of_a_failure(shop):
    shop.source("shop", "edge_no_such", "public")
    shop.run("load", "--source", "shop").expect(66)
    assert "FIRN-2005" in json.dumps(shop.run_json())


def test_two_runs_leave_two_documents(shop):
    shop.load("shop")
    shop.load("shop")
    assert len(list((shop.folder / "logs").glob("run-*.json"))) == 2


def test_correlation_id_in_the_lake(shop):
    shop.load("shop", "--correlation-id", "run-45")
    assert shop.lake.current_snapshot("bronze.shop", "a")["summary"]["firn.correlation-id"] == "run-45"


def test_commit_id_is_a_uuid_of_version_7(shop):
    shop.load("shop")
    summary = shop.lake.current_snapshot("bronze.shop", "a")["summary"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", summary["firn.commit-id"])
    assert shop.lake.metadata("bronze.shop", "a")["properties"]["firn.commit-id"] == summary["firn.commit-id"]
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", summary["firn.position"])


def test_status(shop):
    shop.load("shop")
    text = shop.run("status", "--source", "shop").expect(0).out
    assert re.search(r"\ba\b.*completed.*5,?000", text) and re.search(r"\bb\b.*completed", text)
    assert "5000" in shop.run("status", "--source", "shop", "--format", "json").expect(0).out


def test_status_before_any_load(shop):
    result = shop.run("status", "--source", "shop")
    assert result.code in (0, 66) and "Traceback" not in result.err


def test_check(shop):
    result = shop.run("check", "--source", "shop")
    text = result.out + result.err
    assert "wal_level" in text and "primary key" in text and "b" in text
    sql = shop.run("check", "--source", "shop", "--sql").out
    assert "REPLICA IDENTITY" in sql
    document = json.loads(shop.run("check", "--source", "shop", "--format", "json").out)
    assert document


def test_check_finds_values_that_need_a_policy(server, edge, project):
    project.source("p", "edge", "policy")
    text = project.run("check", "--source", "p").out
    assert "numeric_scale" in text and "unbounded_numeric" in text
    for table in ("numeric_nan", "date_infinity", "timestamp_infinity"):
        assert table in text, f"{table} is not named"


def test_check_does_not_write(shop):
    shop.run("check", "--source", "shop")
    assert not shop.warehouse.exists() or shop.lake.files() == {}


def read_terminal(descriptor, process, timeout_s=60):
    text, deadline = b"", time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ready, _, _ = select.select([descriptor], [], [], 0.2)
        if ready:
            try:
                piece = os.read(descriptor, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        elif process.poll() is not None:
            break
    return text.decode(errors="replace")


def test_on_a_terminal(shop):
    """A live block while it runs; the words of the log stay readable; the summary comes last."""
    shop.connection.execute("INSERT INTO a SELECT g, repeat(md5(g::text), 8) FROM generate_series(5001, 300000) g")
    ours, theirs = pty.openpty()
    process = shop.start("load", "--source", "shop", stdout=theirs, stderr=theirs, stdin=theirs, env={"TERM": "xterm"})
    os.close(theirs)
    text = read_terminal(ours, process)
    os.close(ours)
    assert process.wait(30) == 0, text
    assert "\x1b[" in text, "no live block"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert re.search(r"firn load: 2 tables done, 0 failed, 0 skipped; 300,001 rows", plain)


def test_fresh_start_asks_on_a_terminal(shop):
    shop.load("shop")
    before = shop.lake.files()
    for word, code in (("no", 64), (None, 0)):
        ours, theirs = pty.openpty()
        process = shop.start("load", "--source", "shop", "--fresh-start", stdout=theirs, stderr=theirs, stdin=theirs, env={"TERM": "dumb"})
        os.close(theirs)
        text = ""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not re.search(r"type .*[:>?] ?$", text.lower().strip()):
            if select.select([ours], [], [], 0.2)[0]:
                text += os.read(ours, 65536).decode(errors="replace")
            elif process.poll() is not None:
                break
        assert "a" in text and "b" in text, text
        wanted = re.search(r"[Tt]ype ['\"`]?([\w.-]+)", text)
        assert wanted, f"no word is asked for:\n{text}"
        os.write(ours, ((word or wanted.group(1)) + "\n").encode())
        rest = read_terminal(ours, process)
        os.close(ours)
        assert process.wait(60) == code, text + rest
        if word:
            assert shop.lake.files() == before


def test_no_colour(shop):
    for arguments, environment in (((), {"NO_COLOR": "1"}), (("--color", "never"), {}), ((), {"TERM": "dumb"})):
        result = shop.run("load", "--source", "shop", *arguments, env=environment)
        assert "\x1b[" not in result.err and "\x1b[" not in result.out


def test_environment_option_and_file_precedence(shop):
    shop.source("shop", shop.database, "public", bulk_load={"batch_size": 111})
    shown = shop.run("config", "show", "--source", "shop").expect(0).out
    assert re.search(r"batch.size.*111.*sources\.yaml", shown)
    shown = shop.run("config", "show", "--source", "shop", env={"FIRN_BATCH_SIZE": "222"}).expect(0).out
    assert re.search(r"batch.size.*222.*FIRN_BATCH_SIZE", shown)


def test_env_file(shop):
    shop.environment.pop("FIRN_TEST_PASSWORD")
    path = shop.folder / ".env"
    from firn import LOADER_PASSWORD
    path.write_text(f"FIRN_TEST_PASSWORD={LOADER_PASSWORD}\n")
    path.chmod(0o600)
    assert "readable" not in shop.load("shop").err
    path.chmod(0o644)
    warning = shop.load("shop").err
    assert ".env" in warning and "readable" in warning


def test_literal_password_is_warned_about(shop):
    from firn import LOADER_PASSWORD
    shop.source("shop", shop.database, "public", connection={"password": LOADER_PASSWORD})
    result = shop.load("shop")
    assert "password" in result.err and "${" in result.err


def test_warehouse_elsewhere(shop):
    elsewhere = shop.folder / "else where"
    shop.load("shop", env={"WAREHOUSE_PATH": f"file://{elsewhere}"})
    assert (elsewhere / "bronze" / "shop" / "a" / "metadata").is_dir()


def test_init(project):
    project.run("init", "fresh").expect(0)
    names = {path.relative_to(project.folder / "fresh").as_posix() for path in (project.folder / "fresh").rglob("*") if path.is_file()}
    assert {"config/sources.yaml.template", "config/kafka_clusters.yaml.template", ".env.template", ".gitignore"} <= names, names
    assert project.run("init", "fresh").code == 0
