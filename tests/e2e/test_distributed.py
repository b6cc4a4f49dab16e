"""plan, load-split and commit in processes of their own: the same tables as `load`, each row once, whoever dies."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import jsonschema
import pyspark
import pytest

import expected
from firn import BINARY, ROOT
from judges import assert_equal, read_pyiceberg
from servers.process import scratch_folder
from spark import java_home

TABLES = """
CREATE TABLE account (id int PRIMARY KEY, owner text, amount numeric(12, 2)); COMMENT ON TABLE account IS 'who has what';
CREATE TABLE entry (id bigint PRIMARY KEY, at timestamptz NOT NULL, note text);
CREATE TABLE area (region text, id int, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE area_n PARTITION OF area FOR VALUES IN ('n'); CREATE TABLE area_s PARTITION OF area FOR VALUES IN ('s');
CREATE TABLE none (id int PRIMARY KEY);
CREATE TABLE hollow (region text, id int) PARTITION BY LIST (region);
INSERT INTO account SELECT g, md5(g::text), g / 100.0 FROM generate_series(1, 30000) g;
INSERT INTO entry SELECT g, '2024-01-01'::timestamptz + g * interval '1 s', repeat(md5(g::text), 3) FROM generate_series(1, 60000) g;
INSERT INTO area SELECT CASE WHEN g % 3 = 0 THEN 'n' ELSE 's' END, g, md5(g::text) FROM generate_series(1, 9000) g;
ANALYZE;
"""
NAMES = ("account", "entry", "area", "none", "hollow")
SPLITTING = ("--split-size", "1M", "--large-table-threshold", "0")


class Plan:
    """A running `firn plan`, with its lines."""

    def __init__(self, project, source, *arguments):
        self.process = project.start("plan", "--source", source, *SPLITTING, *arguments, stdin=subprocess.PIPE)
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if json.loads(line)["type"] == "plan_end":
                return
        raise AssertionError(f"the plan has no end: {self.process.wait()}\n{self.process.stderr.read()}")

    @property
    def splits(self):
        return [json.loads(line) for line in self.lines[:-1]]

    def of(self, table):
        return [line for line, split in zip(self.lines, self.splits) if split["table"] == table]

    def end(self):
        """Closes its stdin, which ends the hold."""
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err
        return err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def load_split(project, lines, code=0, arguments=(), **keywords):
    """Runs one worker on these lines; its result lines."""
    process = project.start("load-split", *arguments, stdin=subprocess.PIPE, **keywords)
    out, err = process.communicate("".join(lines), timeout=120)
    assert process.returncode == code, f"{process.returncode}\n{err}"
    return out.splitlines(keepends=True), err


def commit(project, source, lines, code=0, arguments=()):
    process = project.start("commit", "--source", source, *arguments, stdin=subprocess.PIPE)
    out, err = process.communicate("".join(lines), timeout=120)
    assert process.returncode == code, f"{process.returncode}\n{err}"
    assert out == ""
    return err


def assert_equal_to_source(project, connection, duck, names=NAMES, namespace="bronze.n"):
    for name in names:
        rows = expected.read(connection, "public", name)
        assert_equal(rows, read_pyiceberg(project.lake, namespace, name), "PyIceberg")
        assert_equal(rows, duck.read(project.lake, namespace, name), "DuckDB")


def status_of(project, source="n"):
    rows = project.run("status", "--source", source, "--format", "json").expect().json["tables"]
    return {row["table_name"]: row for row in rows}


def valid(document):
    """The line is what docs/output.schema.json says."""
    schema = json.loads((ROOT / "docs" / "output.schema.json").read_text(encoding="utf-8"))
    kind = {"split": "split_line", "plan_end": "plan_end_line", "result": "result_line", "failed": "failed_line"}[document["type"]]
    jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}).validate(document)


@pytest.fixture
def shop(project, new_database):
    name, connection = new_database(TABLES)
    project.source("n", name, "public")
    return project, connection


def test_workers_side_by_side_give_what_load_gives(shop, duck):
    project, connection = shop
    with Plan(project, "n") as plan:
        assert len(plan.of("entry")) > 4 and len(plan.of("none")) == 1 and len(plan.of("hollow")) == 1
        before = {name: expected.read(connection, "public", name) for name in NAMES}
        connection.execute("UPDATE account SET amount = -1; DELETE FROM entry WHERE id % 2 = 0; INSERT INTO none VALUES (1)")
        parts, threads = [plan.lines[i::4] for i in range(4)], []
        results = [None] * 4

        def work(index):
            results[index] = load_split(project, parts[index])[0]
        for index in range(4):
            threads.append(threading.Thread(target=work, args=(index,)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        plan.end()
    lines = [line for part in results for line in part]
    assert not project.lake.tables("bronze.n"), "nothing is in the lake before the commit"
    for line in plan.lines + lines:
        valid(json.loads(line))

    commit(project, "n", lines)

    for name in NAMES:
        assert_equal(before[name], read_pyiceberg(project.lake, "bronze.n", name), "PyIceberg")
    # What a restart and `follow` read is as `load` writes it.
    project.source("other", project.sources["n"]["database_connection"]["database"], "public", namespace="bronze.other")
    project.load("other")
    ours, theirs = (project.lake.metadata(namespace, "account") for namespace in ("bronze.n", "bronze.other"))
    assert set(ours["properties"]) == set(theirs["properties"])
    summaries = [project.lake.current_snapshot(namespace, "account")["summary"] for namespace in ("bronze.n", "bronze.other")]
    assert set(summaries[0]) == set(summaries[1])
    assert ours["properties"]["firn.load-position"] == plan.splits[0]["position"]
    rows = status_of(project)
    assert {name: rows[name]["load_status"] for name in NAMES} == dict.fromkeys(NAMES, "completed")
    assert rows["entry"]["record_count"] == 60000 and rows["entry"]["primary_keys"] == ["id"]
    # And `load` has nothing left to do.
    assert "5 tables done" in project.load("n").err


def test_splits_twice_and_a_worker_that_dies(shop, duck):
    project, connection = shop
    with Plan(project, "n") as plan:
        first, _ = load_split(project, plan.lines)
        dying = project.start("load-split", stdin=subprocess.PIPE)
        dying.stdin.write("".join(plan.of("entry")))
        dying.stdin.flush()
        half = dying.stdout.readline()
        dying.send_signal(signal.SIGKILL)
        dying.communicate()
        again, _ = load_split(project, plan.of("account"))
        plan.end()

    err = commit(project, "n", [half, *again, *first, *first])

    assert "loaded twice" in err
    assert_equal_to_source(project, connection, duck)
    live = project.lake.static_table("bronze.n", "account").inspect.files()["file_path"].to_pylist()
    written = [path for path in project.lake.files() if path.endswith(".parquet") and "/account/" in path]
    assert len(written) == 2 * len(live), "the files of the other try are left alone"


def test_commit_again_changes_nothing(shop):
    project, _ = shop
    with Plan(project, "n") as plan:
        results, _ = load_split(project, plan.lines)
        plan.end()
    commit(project, "n", results)
    before = project.lake.files()
    rows = status_of(project)

    commit(project, "n", results, code=99, arguments=("--exit-unchanged", "99"))

    assert {path for path in before if "_cdc_status" not in path} == {path for path in project.lake.files() if "_cdc_status" not in path}
    assert status_of(project)["entry"]["record_count"] == rows["entry"]["record_count"]


def test_a_missing_split_fails_its_table_only(shop, duck):
    project, connection = shop
    with Plan(project, "n") as plan:
        results, _ = load_split(project, plan.lines)
        lost = next(line for line in results if '"table":"entry"' in line and '"split":2' in line)
        left = [line for line in results if line is not lost]

        err = commit(project, "n", left, code=1)

        assert "FIRN-5012" in err and "'entry' have no result: split 2" in err
        assert "entry" not in project.lake.tables("bronze.n")
        rows = status_of(project)
        assert rows["entry"]["load_status"] == "failed" and rows["account"]["load_status"] == "completed"
        found, _ = load_split(project, [line for line in plan.of("entry") if json.loads(line)["split"] == 2])
        plan.end()

    commit(project, "n", left + found)

    assert_equal_to_source(project, connection, duck)


def test_a_torn_plan_is_noticed(shop):
    project, _ = shop
    with Plan(project, "n") as plan:
        results, _ = load_split(project, [*plan.of("account"), plan.lines[-1]])
        err = commit(project, "n", results, code=1)
        assert "4 of 5 tables were not committed" in err
        without_end = [line for line in results if '"plan_end"' not in line]
        assert "no line that ends the plan" in commit(project, "n", without_end, code=1)
        assert project.lake.tables("bronze.n") == ["_cdc_status", "account"]
        cut, err = load_split(project, [plan.lines[0][:100]], code=65)
        assert not cut and "FIRN-4004" in err and "line 1" in err


def test_a_snapshot_that_is_gone_is_named(shop):
    project, _ = shop
    with Plan(project, "n") as plan:
        plan.end()

    results, err = load_split(project, plan.lines, code=66)

    assert results == [] and "FIRN-5010" in err and "firn plan" in err and "state:" in err


def test_plans_are_not_mixed(shop):
    project, _ = shop
    with Plan(project, "n") as one, Plan(project, "n") as two:
        results = [*load_split(project, one.lines)[0], *load_split(project, two.lines)[0]]
        assert "FIRN-5014" in commit(project, "n", results, code=64)
        assert not project.lake.tables("bronze.n")
        assert "FIRN-5014" in commit(project, "n", one.lines, code=64), "splits are no results"


def test_a_worker_of_another_kind_is_refused(shop):
    project, _ = shop
    with Plan(project, "n") as plan:
        text = (project.folder / "config" / "sources.yaml").read_text()
        project.sources["n"]["tables"] = {"entry": {"exclude_columns": ["note"]}}
        project.write_config()
        _, err = load_split(project, plan.of("entry"), code=64)
        assert "FIRN-5011" in err and "the configuration of 'entry'" in err
        (project.folder / "config" / "sources.yaml").write_text(text)
        _, err = load_split(project, plan.of("entry"), code=64, arguments=("--warehouse-path", str(project.folder / "elsewhere")))
        assert "FIRN-5011" in err and "the warehouse of 'entry'" in err
        changed = [line.replace('"name":"note"', '"name":"nota"') for line in plan.of("entry")]
        _, err = load_split(project, changed, code=64)
        assert "FIRN-5011" in err and "the schema of 'entry'" in err
        assert not list(project.warehouse.rglob("*.parquet"))


def test_files_that_are_gone_or_cut_are_refused(shop):
    project, _ = shop
    with Plan(project, "n", "--table-filter", "account") as plan:
        results, _ = load_split(project, plan.lines)
        plan.end()
    path = pathlib.Path(next(json.loads(line)["files"][0]["path"] for line in results).removeprefix("file://"))
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert "FIRN-5016" in commit(project, "n", results, code=1)
    path.unlink()
    assert "is not there" in commit(project, "n", results, code=1)
    assert "account" not in project.lake.tables("bronze.n")
    path.write_bytes(content)
    commit(project, "n", results)


def test_what_changed_since_the_plan_is_not_overwritten(shop, duck):
    project, connection = shop
    with Plan(project, "n") as plan:
        results, _ = load_split(project, plan.lines)
        project.load("n", "--table-filter", "account")
        err = commit(project, "n", results, code=1)
        assert "FIRN-5013" in err and "1 of 5 tables were not committed" in err
        plan.end()
    assert_equal_to_source(project, connection, duck)
    with Plan(project, "n") as plan:
        assert plan.splits == [] and "was loaded before" in plan.end()
    connection.execute("DELETE FROM account WHERE id > 10")
    with Plan(project, "n", "--no-resume") as plan:
        results, _ = load_split(project, plan.lines)
        plan.end()
    assert all(json.loads(line)["replace"] for line in results if '"table":"account"' in line and '"result"' in line)
    commit(project, "n", results)
    assert_equal_to_source(project, connection, duck)


def test_a_bad_value_fails_its_table_only(project, new_database, duck):
    name, connection = new_database(TABLES + "CREATE TABLE bad (id int PRIMARY KEY, n numeric);"
                                             "INSERT INTO bad SELECT g, CASE WHEN g = 900 THEN 'NaN'::numeric ELSE g END FROM generate_series(1, 1000) g")
    project.source("n", name, "public")
    with Plan(project, "n") as plan:
        results, err = load_split(project, plan.lines, code=1)
        assert "FIRN-2101" in err
        assert [json.loads(line)["code"] for line in results if '"type":"failed"' in line] == ["FIRN-2101"]
        plan.end()
    for line in results:
        valid(json.loads(line))
    err = commit(project, "n", results, code=1)
    assert "FIRN-2101" in err and "1 of 6 tables were not committed" in err
    assert "FIRN-2101" in status_of(project)["bad"]["error_message"]
    assert_equal_to_source(project, connection, duck)


def test_partitioned_and_sorted_tables(project, new_database, duck):
    name, connection = new_database(TABLES)
    project.source("n", name, "public", tables={"area": {"partition_by": ["region", "bucket(4, id)"]},
                                                "entry": {"sort_by": ["at desc"]}})
    with Plan(project, "n") as plan:
        results, _ = load_split(project, plan.lines)
        plan.end()
    commit(project, "n", results)
    assert_equal_to_source(project, connection, duck)
    files = project.lake.static_table("bronze.n", "area").inspect.files()
    assert len({str(value) for value in files["partition"].to_pylist()}) == 8
    assert project.lake.metadata("bronze.n", "entry")["default-sort-order-id"] == 1


def test_hold_file_and_background(shop):
    """As in a script: stdin is no pipe there, and stdout a file."""
    project, _ = shop
    hold = project.folder / "plan.hold"
    with open(project.folder / "splits.jsonl", "w", encoding="utf-8") as out:
        process = project.start("plan", "--source", "n", "--hold", str(hold), stdout=out)
        deadline = time.monotonic() + 60
        while not hold.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        lines = (project.folder / "splits.jsonl").read_text().splitlines(keepends=True)
        assert json.loads(lines[-1])["type"] == "plan_end" and int(hold.read_text()) == process.pid
        assert "is there already" in project.run("plan", "--source", "n", "--hold", str(hold)).expect(64).err
        results, _ = load_split(project, lines)
        assert process.poll() is None
        hold.unlink()
        process.communicate(timeout=30)
        assert process.returncode == 0
    commit(project, "n", results)
    with open(project.folder / "splits.jsonl", "w", encoding="utf-8") as out:
        process = project.start("plan", "--source", "n", "--no-resume", "--hold", str(hold), stdout=out)
        while not hold.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0 and not hold.exists()


def test_one_pipeline(shop, duck):
    project, connection = shop
    done = subprocess.run(f"set -o pipefail; {BINARY} plan --source n | {BINARY} load-split | {BINARY} commit --source n", shell=True,
                          cwd=project.folder, env=project.full_environment(), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, executable="/bin/bash", check=False)
    assert done.returncode == 0, done.stderr
    assert_equal_to_source(project, connection, duck)


def test_the_scripts_of_the_docs(project, new_database, duck):
    name, connection = new_database(TABLES)
    project.source("shop", name, "public", namespace="bronze.n", bulk_load={"large_table_threshold": 0})
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "DISTRIBUTED.md").read_text(encoding="utf-8"), re.M | re.S)
    script = next(block for block in blocks if "--hold" in block).replace("--hold", "--split-size 1M --hold")
    (project.folder / "firn").symlink_to(BINARY)
    environment = {**project.full_environment(), "PATH": f"{project.folder}:{os.environ['PATH']}"}

    done = subprocess.run(["/bin/bash", "-e", "-c", script + "wait"], cwd=project.folder, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    assert_equal_to_source(project, connection, duck)


def test_a_plan_that_loses_its_snapshot_says_so(shop, server):
    project, connection = shop
    with Plan(project, "n") as plan:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'firn%' "
                           "AND datname = current_database()")
        plan.process.wait(timeout=60)  # its stdin stays open
        err = plan.process.stderr.read()
    assert plan.process.returncode == 75 and "holding the snapshot" in err and "plan again" in err, err


def test_nothing_to_do(shop):
    project, _ = shop
    assert load_split(project, [])[0] == []
    assert "FIRN-5012" in commit(project, "n", [], code=1)
    project.load("n")
    with Plan(project, "n") as plan:
        results, _ = load_split(project, plan.lines)
        assert results == plan.lines and len(results) == 1
    commit(project, "n", results, code=99, arguments=("--exit-unchanged", "99"))


# ---------------------------------------------------------------- Spark

@pytest.mark.slow
def test_real_spark_loses_an_executor(project, new_database, duck):
    """examples/spark/bulk_load.py on a cluster of executor processes; the first `firn load-split` loads one split and takes
    its executor with it. Spark starts another and runs the splits again."""
    name, connection = new_database(TABLES)
    project.source("n", name, "public")
    once = project.folder / "killed"
    killer = project.folder / "firn"
    killer.write_text(f"""#!/bin/sh
if [ "$1" = load-split ] && mkdir {once} 2>/dev/null; then
    head -n 1 | {BINARY} "$@" > {once}/results
    pid=$$
    while [ "$(cat /proc/$pid/comm)" != java ]; do pid=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$pid/stat); done
    echo $pid > {once}/executor
    kill -9 $pid
fi
exec {BINARY} "$@"
""", encoding="utf-8")
    killer.chmod(0o755)
    scratch = scratch_folder("spark")
    environment = {**project.full_environment(), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": scratch, "SPARK_WORKER_DIR": scratch,
                   "PYSPARK_PYTHON": sys.executable, "SPARK_HOME": os.path.dirname(pyspark.__file__)}
    if java_home():
        environment["JAVA_HOME"] = java_home()

    done = subprocess.run([sys.executable, str(ROOT / "examples" / "spark" / "bulk_load.py"), "--source", "n", "--firn", str(killer),
                           "--project-root", str(project.folder), "--master", "local-cluster[2,1,1024]", "--tasks", "6",
                           "--env", "FIRN_TEST_PASSWORD", "--", *SPLITTING],
                          cwd=scratch, env=environment, capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    executor, lost = int((once / "executor").read_text()), json.loads((once / "results").read_text().splitlines()[0])
    assert not os.path.exists(f"/proc/{executor}") and lost["type"] == "result"
    assert_equal_to_source(project, connection, duck)
    live = project.lake.static_table("bronze.n", lost["table"]).inspect.files()["file_path"].to_pylist()
    assert lost["files"][0]["path"] not in live, "the rows of the lost try would be there twice"
