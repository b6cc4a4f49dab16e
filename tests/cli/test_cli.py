"""The program without any server: messages, exit codes, precedence, schemas, secrets, manuals, completion."""
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FIRN_BIN", str(ROOT / "build" / "firn"))
CANARY = "canary-5e1f77c2-secret"
COMMANDS = ("init", "check", "load", "plan", "load-split", "commit", "status", "schema-changes", "maintain", "connector", "config show", "config schema", "explain", "completion", "help", "version")
SOURCE = {
    "database_type": "postgres",
    "iceberg_namespace": "bronze.shop",
    "database_connection": {"host": "127.0.0.1", "port": 1, "database": "d", "username": "u", "password": "${SHOP_PASSWORD}"},
}


class Project:
    def __init__(self, folder):
        self.folder = folder
        (folder / "config").mkdir()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRN_")}
        self.environment.pop("NO_COLOR", None)

    def write(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return path

    def sources(self, **changes):
        return self.write("config/sources.yaml", {"sources": {"shop": {**SOURCE, **changes}}})

    def run(self, *arguments, env=None, stdin=subprocess.DEVNULL):
        return subprocess.run([BINARY, *arguments], cwd=self.folder, env={**self.environment, **(env or {})}, stdin=stdin,
                              capture_output=True, text=True, timeout=60)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def refused(done, code, *parts):
    """One clear message: what, a code, the exit code in the last line; never on stdout."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert re.search(r"^firn: .* \[FIRN-\d{4}\]$", done.stderr, re.M), done.stderr
    assert done.stderr.rstrip().endswith(f"exit {code}")
    for part in parts:
        assert part in done.stderr, f"{part!r} is not in:\n{done.stderr}"


# ---- help ----

def test_firn_alone_prints_the_short_help_to_stderr(project):
    done = project.run()
    assert done.returncode == 64 and done.stdout == "" and "Usage: firn" in done.stderr
    assert len(done.stderr.splitlines()) <= 36


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(project, command):
    full = project.run(*command.split(), "--help")
    assert full.returncode == 0 and full.stderr == "" and f"firn {command}" in full.stdout
    assert project.run("help", *command.split()).stdout == full.stdout
    short = project.run(*command.split(), "-h")
    assert short.returncode == 0 and len(short.stdout.splitlines()) <= 36
    assert short.stdout.count("\n  firn ") + short.stdout.count("\n  source <(firn") == 2, "two examples"


def test_each_job_is_listed(project):
    for command in ("load", "status", "scan", "validate", "maintain", "follow", "schema-changes"):
        assert re.search(rf"^  {command}\b", project.run("help").stdout, re.M)


def test_alias_is_the_same_command(project):
    assert project.run("direct_bulk_load", "--help").stdout == project.run("load", "--help").stdout


def test_version(project):
    assert re.match(r"firn \d+\.\d+\.\d+\n", project.run("version").stdout)
    assert json.loads(project.run("version", "--format", "json").stdout)["libraries"]["libpq"]
    assert project.run("--version").stdout == project.run("version").stdout


# ---- wrong command lines and files ----

@pytest.mark.parametrize("arguments, words", [
    (("laod",), "did you mean 'load'"),
    (("load", "--tabel-filter", "x"), "did you mean --table-filter"),
    (("load", "--sql"), "--sql is not an option of 'load'"),
    (("load", "--memory", "10"), "--memory cannot be '10'"),
    (("load", "--parallel-tables", "0"), "a whole number from 1 to 256"),
    (("load", "--log-format", "jsn"), "did you mean 'json'"),
    (("load", "--source"), "--source needs a value"),
    (("config",), "show, schema"),
    (("config", "schema", "x"), "sources, kafka_clusters or catalogs"),
    (("completion", "tcsh"), "bash, zsh or fish"),
    (("explain", "FIRN-0000"), "there is no error code"),
    (("help", "laod"), "there is no command"),
])
def test_wrong_command_line(project, arguments, words):
    refused(project.run(*arguments), 64, words)


def test_wrong_variable_names_it(project):
    project.sources()
    refused(project.run("config", "show", env={"FIRN_MEMORY": "lots"}), 64, "FIRN_MEMORY cannot be 'lots'")
    project.write(".env", "FIRN_MEMORY=lots\n").chmod(0o600)
    refused(project.run("config", "show"), 64, ".env FIRN_MEMORY cannot be 'lots'")


def test_no_configuration_says_where_it_was_looked_for(project):
    refused(project.run("load", "--source", "shop"), 66, "FIRN-1014", str(project.folder / "config" / "sources.yaml"), "firn init")


def test_missing_and_unknown_source(project):
    project.sources()
    refused(project.run("load"), 64, "--source is missing", "shop")
    refused(project.run("load", "--source", "shpo"), 66, "no source 'shpo'", "did you mean 'shop'")


def test_missing_variable_names_file_and_line(project):
    path = project.sources()
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "SHOP_PASSWORD" in text)
    refused(project.run("check", "--source", "shop"), 64, f"config/sources.yaml:{line}", "SHOP_PASSWORD")
    # A variable of another source does not matter.
    project.write("config/sources.yaml", {"sources": {"shop": {**SOURCE, "database_connection": {"host": "127.0.0.1", "port": 1, "database": "d", "username": "u"}}, "other": SOURCE}})
    assert "SHOP_PASSWORD" not in project.run("check", "--source", "shop").stderr


def test_unknown_key_names_file_line_and_nearest(project):
    project.write("config/sources.yaml", "sources:\n  shop:\n    databse_type: postgres\n")
    refused(project.run("config", "show"), 64, "config/sources.yaml:3: unknown key 'databse_type'; did you mean 'database_type'?")


def test_dotenv_that_is_wrong_names_its_line(project):
    project.write(".env", f"A=1\n{CANARY}\n").chmod(0o600)
    done = project.run("config", "show")
    refused(done, 64, ".env:2")
    assert CANARY not in done.stderr


def test_unreachable_server_can_be_retried(project):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project.sources(database_connection={**SOURCE["database_connection"], "port": port})
    done = project.run("check", "--source", "shop", "--log-format", "json", env={"SHOP_PASSWORD": CANARY})
    last = json.loads(done.stderr.splitlines()[-1])
    assert done.returncode == 75 and last["type"] == "exit" and last["code"] == 75 and last["retryable"] is True
    assert re.fullmatch(r"FIRN-\d{4}", last["error"]) and last["message"] and CANARY not in done.stderr


def test_other_databases_and_catalogs_are_refused(project):
    project.sources(database_type="oracle")
    refused(project.run("check", "--source", "shop", env={"SHOP_PASSWORD": "x"}), 69, "FIRN-1021", "oracle")
    project.sources()
    project.write("config/catalogs.yaml", {"catalogs": {"r": {"type": "rest", "uri": "https://x"}}})
    refused(project.run("status", "--source", "shop", "--catalog-name", "r"), 69, "FIRN-3110", "rest")
    refused(project.run("status", "--source", "shop", "--catalog-name", "q"), 66, "no catalog 'q'", "r")


def test_status_without_a_load(project):
    project.sources()
    refused(project.run("status", "--source", "shop"), 66, "has not been loaded yet", "firn load --source shop")


def test_last_line_is_json_also_for_a_wrong_command_line(project):
    last = json.loads(project.run("load", "--log-format", "json", "--fo").stderr.splitlines()[-1])
    assert last["code"] == 64 and last["error"] == "FIRN-1001" and last["retryable"] is False


def test_a_reader_that_has_enough_is_no_error(project):
    process = subprocess.Popen([BINARY, "explain", "--format", "json"], cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(20) == 0 and process.stderr.read() == b""
    process.stderr.close()


# ---- precedence ----

def shown(project, name, *arguments, env=None):
    done = project.run("config", "show", "--source", "shop", "--format", "json", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    return next((row["value"], row["origin"]) for row in json.loads(done.stdout)["settings"] if row["name"] == name)


def test_command_line_environment_dotenv_yaml_default(project):
    name = "bulk_load.batch_size"
    project.sources()
    assert shown(project, name) == ("50000", "default")
    project.sources(bulk_load={"batch_size": 1})
    value, origin = shown(project, name)
    assert value == "1" and re.fullmatch(r"config/sources.yaml:\d+", origin)
    project.write(".env", "FIRN_BATCH_SIZE=2\n").chmod(0o600)
    assert shown(project, name) == ("2", ".env FIRN_BATCH_SIZE")
    assert shown(project, name, env={"FIRN_BATCH_SIZE": "3"}) == ("3", "FIRN_BATCH_SIZE")
    assert shown(project, name, env={"FIRN_BATCH_SIZE": ""}) == ("1", origin), "an empty variable is no value, and hides that of .env"
    done = project.run("load", "--source", "shop", "--batch-size", "0", env={"FIRN_BATCH_SIZE": "3"})
    refused(done, 64, "--batch-size cannot be '0'")


def test_second_variables(project):
    project.sources()
    assert shown(project, "catalog-name", env={"CATALOG_NAME": "a"}) == ("a", "CATALOG_NAME")
    assert shown(project, "catalog-name", env={"CATALOG_NAME": "a", "FIRN_CATALOG_NAME": "b"}) == ("b", "FIRN_CATALOG_NAME")
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    shutil.move(project.folder / "config", elsewhere / "settings")
    assert shown(project, "iceberg_namespace", env={"PROJECT_ROOT": str(elsewhere), "CONFIG_DIR": "settings"})[0] == "bronze.shop"
    assert shown(project, "iceberg_namespace", "--project-root", "elsewhere", "--config-dir", str(elsewhere / "settings"))[0] == "bronze.shop"


def test_references(project):
    secret = project.folder / "host"
    secret.write_text("from-a-file\n")
    project.sources(kafka_topic_prefix="${command:printf p.%s x}", database_connection={
        "host": f"${{file:{secret}}}", "port": "${THE_PORT}", "database": "a$${b}", "username": "${U}-${U}"})
    env = {"THE_PORT": "5433", "U": "u"}
    assert shown(project, "database_connection.host", env=env)[0] == "from-a-file"
    assert shown(project, "database_connection.port", env=env)[0] == "5433"
    assert shown(project, "database_connection.database", env=env)[0] == "a${b}"
    assert shown(project, "database_connection.username", env=env)[0] == "u-u"
    assert shown(project, "kafka_topic_prefix", env=env)[0] == "p.x"
    refused(project.run("config", "show", "--source", "shop", env={**env, "THE_PORT": "x"}), 64, "config/sources.yaml:", "'port' cannot be 'x'")


# ---- secrets ----

def secret_files(project):
    project.sources(database_connection={**SOURCE["database_connection"], "password": CANARY})
    project.write("config/catalogs.yaml", {"catalogs": {"local": {"type": "hadoop", "warehouse": str(project.folder / "w"), "token": CANARY,
                                                                  "credential": "${FIRN_CREDENTIAL_X}", "uri": f"https://u:{CANARY}@host/x",
                                                                  "s3.secret-access-key": CANARY, "s3.session-token": CANARY}}})
    project.write("config/kafka_clusters.yaml", {"kafka_clusters": {"primary": {"bootstrap_servers": "h:1", "security": {"sasl_password": CANARY}}}})


@pytest.mark.parametrize("arguments", [
    ("config", "show", "--source", "shop"), ("config", "show", "--source", "shop", "--format", "json"), ("config", "show"),
    ("check", "--source", "shop"), ("check", "--source", "shop", "--log-format", "json", "--log-level", "debug"),
    ("load", "--source", "shop", "--max-retries", "0", "--log-level", "debug"), ("status", "--source", "shop"),
    ("connector", "--source", "shop", "--output", "-"),
])
def test_no_secret_is_printed_or_written(project, arguments):
    secret_files(project)
    before = {path for path in project.folder.rglob("*")}
    done = project.run(*arguments)
    assert CANARY not in done.stdout + done.stderr
    for path in set(project.folder.rglob("*")) - before:
        if path.is_file():
            assert CANARY not in path.read_text(encoding="utf-8", errors="replace"), path
            assert path.stat().st_mode & 0o077 == 0, f"{path} is readable by others"


def test_secrets_are_shown_as_stars_with_their_origin(project):
    project.sources()
    value, origin = shown(project, "database_connection.password")
    assert value == "***" and re.fullmatch(r"config/sources.yaml:\d+ \$\{SHOP_PASSWORD\}", origin)


def test_literal_secret_is_warned_about_with_the_fix(project):
    secret_files(project)
    err = project.run("config", "show").stderr
    assert "'password' is written in clear" in err and "${" in err and "readable by others" in err
    project.sources()
    (project.folder / "config" / "catalogs.yaml").unlink()
    (project.folder / "config" / "kafka_clusters.yaml").unlink()
    assert project.run("config", "show").stderr == ""


def test_dotenv_readable_by_others_is_warned_about(project):
    project.sources()
    path = project.write(".env", "SHOP_PASSWORD=x\n")
    path.chmod(0o644)
    assert "readable by others" in project.run("config", "show").stderr
    path.chmod(0o600)
    assert project.run("config", "show").stderr == ""


def test_unknown_setting_in_dotenv_is_warned_about(project):
    project.sources()
    project.write(".env", "FIRN_PARALEL_TABLES=3\n").chmod(0o600)
    assert "FIRN_PARALEL_TABLES is no setting" in project.run("config", "show").stderr


def test_no_core_and_no_reader_of_its_memory(project):
    mark = project.folder / "started"
    project.sources(database_connection={**SOURCE["database_connection"], "password": f"${{command:echo x > {mark}; sleep 3}}"})
    process = subprocess.Popen([BINARY, "check", "--source", "shop"], cwd=project.folder, env=project.environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    owner = os.stat(f"/proc/{process.pid}/mem").st_uid
    process.wait(30)
    assert re.search(r"Max core file size\s+0\s+0", limits)
    assert owner == 0, "a process that cannot be dumped belongs to root in /proc"


# ---- schemas ----

def schema(project, kind):
    document = json.loads(project.run("config", "schema", kind).stdout)
    jsonschema.Draft202012Validator.check_schema(document)
    return document


def leaves(node, path=()):
    """Paths of all values; a name of the user's becomes `n`."""
    for key, child in node.get("properties", {}).items():
        yield path + (key,), child
        yield from leaves(child, path + (key,))
    extra = node.get("additionalProperties")
    if isinstance(extra, dict):
        yield path + ("n",), extra
        yield from leaves(extra, path + ("n",))


VALUES = (1, 0, -1, 3, 1.5, 99999999999999, True, False, None, "", "1", "x", "a b", "true", "null", "error", "${X}", "a${X}b", "$${X}", "${", "512M", "10s",
          "decimal(5,2)", "a.b", "..", "a..b", "json", "rest", "hadoop", "postgres", "earliest", "verify-full", [], ["a"], [1], [None], [["a"]], [""],
          {}, {"zz": 1}, {"zz": ["a"]}, {"zz": None}, {"zz": {}})
BASE = {
    "sources": {"sources": {"n": SOURCE}},
    "kafka_clusters": {"kafka_clusters": {"n": {"bootstrap_servers": "h:1"}}},
    "catalogs": {"catalogs": {"n": {"type": "hadoop"}}},
}


def changed(document, path, value):
    document = json.loads(json.dumps(document))
    at = document
    for key in path[:-1]:
        if not isinstance(at.get(key), dict):
            at[key] = {}
        at = at[key]
    at[path[-1]] = value
    return document


@pytest.mark.parametrize("kind", sorted(BASE))
def test_schema_and_loader_agree(project, kind):
    """Each value is put at each place; then each key is left out, and an unknown one put in."""
    document = schema(project, kind)
    validator = jsonschema.Draft202012Validator(document)
    paths = [path for path, _ in leaves(document)]
    samples = [changed(BASE[kind], path, value) for path, value in itertools.product(paths, VALUES)]
    samples += [changed(BASE[kind], path + ("unknown_key",), 1) for path in paths]
    step = max(1, len(samples) // 300)  # every place gets every kind of value over the steps
    good = bad = 0
    for sample in samples[::step]:
        project.write(f"config/{kind}.yaml", sample)
        wanted = validator.is_valid(sample)
        done = project.run("config", "show")
        assert (done.returncode == 0) == wanted, f"schema: {wanted}, loader: {done.returncode}\n{sample}\n{done.stderr}\n" + \
            "\n".join(error.message for error in validator.iter_errors(sample))
        assert wanted or done.returncode == 64
        good, bad = good + wanted, bad + (not wanted)
    assert good >= 20 and bad >= 100, (good, bad)


def test_schema_describes_every_key(project):
    for kind in BASE:
        for path, node in leaves(schema(project, kind)):
            assert node.get("description"), path


def test_templates_are_valid_by_their_schemas(project):
    assert project.run("init").returncode == 0
    for kind in BASE:
        text = (project.folder / "config" / f"{kind}.yaml.template").read_text()
        assert text.splitlines()[0] == f"# yaml-language-server: $schema=./.firn/{kind}.schema.json"
        document = json.loads((project.folder / "config" / ".firn" / f"{kind}.schema.json").read_text())
        jsonschema.validate(yaml.safe_load(text), document)
        assert document == schema(project, kind)


# ---- init ----

def test_init_can_be_run_again_and_keeps_what_is_the_users(project):
    project.write(".gitignore", "*.tmp")
    first = project.run("init", "--format", "json")
    assert first.returncode == 0 and {row["result"] for row in json.loads(first.stdout)} == {"written", "updated"}
    ignored = (project.folder / ".gitignore").read_text()
    assert ignored.startswith("*.tmp\n") and ".env\n" in ignored and "config/sources.yaml\n" in ignored
    project.write("config/sources.yaml.template", "mine")
    second = project.run("init", "--format", "json")
    assert {row["result"] for row in json.loads(second.stdout)} == {"kept"}
    assert (project.folder / "config" / "sources.yaml.template").read_text() == "mine"
    assert (project.folder / ".gitignore").read_text() == ignored
    project.run("init", "--force")
    assert (project.folder / "config" / "sources.yaml.template").read_text() != "mine"


def test_init_in_another_folder(project):
    assert project.run("init", "a/b").returncode == 0
    assert (project.folder / "a" / "b" / ".env.template").stat().st_mode & 0o077 == 0


# ---- documents ----

@pytest.mark.parametrize("name", ["options", "errors"])
def test_documents_are_current(project, name):
    path = ROOT / "docs" / f"{name.upper()}.md"
    assert path.read_text(encoding="utf-8") == project.run("help", "--markdown", name).stdout, \
        f"run: build/firn help --markdown {name} > docs/{name.upper()}.md"


def test_every_error_code_is_explained(project):
    codes = re.findall(r"^FIRN_CODE\((\d+), (\w+), (FIRN_\w+)", (ROOT / "src" / "base" / "error_code.def").read_text(), re.M)
    listed = json.loads(project.run("explain", "--format", "json").stdout)
    assert [row["code"] for row in listed] == [f"FIRN-{number}" for number, _, _ in codes]
    assert len({number for number, _, _ in codes}) == len(codes)
    for row in listed:
        text = project.run("explain", row["code"]).stdout
        assert row["title"] in text and f"exit code {row['exit_code']}" in text
        assert row["remedy"] and row["exit_code"] in (1, 64, 65, 66, 69, 70, 71, 74, 75, 77, 130)


@pytest.mark.parametrize("page", ["firn.1", "firn-load.1", "firn.yaml.5", "firn-errors.7"])
def test_manual_pages(project, page):
    text = project.run("help", "--man", page).stdout
    assert text.startswith(".TH ")
    path = project.write(page, text)
    if shutil.which("man"):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", str(path)], capture_output=True, text=True,
                              env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}, timeout=60)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert "NAME" in done.stdout
    if page == "firn-load.1":
        for option in re.findall(r"^  --([a-z-]+)", project.run("load", "--help").stdout, re.M):
            assert f"--{option}".replace("-", r"\-") in text.replace("--", r"\-\-") or option in text.replace("\\-", "-"), option


# ---- completion ----

def complete(project, line):
    """What bash offers at the end of the line."""
    script = 'source <("$0" completion bash); COMP_WORDS=($1); [[ $1 == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); ' \
        'firn() { "$FIRN" "$@"; }; FIRN=$0; _firn; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, BINARY, line], cwd=project.folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return set(done.stdout.split())


def test_completion_in_bash(project):
    project.sources()
    assert {"load", "check", "direct_bulk_load"} <= complete(project, "firn ")
    assert complete(project, "firn config ") >= {"show", "schema"}
    assert complete(project, "firn load --par") == {"--parallel-tables", "--parallel-workers"}
    assert complete(project, "firn direct_bulk_load --log-format ") == {"text", "json"}
    assert complete(project, "firn completion z") == {"zsh"}
    assert complete(project, "firn status --source ") == {"shop"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_of_other_shells_is_valid(project, shell):
    text = project.run("completion", shell).stdout
    assert "table-filter" in text and "parallel-tables" in text
    if shutil.which(shell):
        path = project.write("script", text)
        assert subprocess.run([shell, "-n", str(path)], timeout=30).returncode == 0


# ---- output ----

def test_no_escape_sequence_where_stderr_is_no_terminal(project):
    assert "\x1b" not in project.run("laod").stderr
    assert "\x1b" in project.run("load", "--color", "always", "--source", "x").stderr
    assert "\x1b" not in project.run("load", "--color", "never", "--source", "x").stderr


def valid(document, kind):
    """Whether it is what docs/output.schema.json says."""
    schema = json.loads((ROOT / "docs" / "output.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}).validate(document)


@pytest.mark.parametrize("kind, arguments", [("config_show", ("config", "show", "--source", "shop")), ("explain_all", ("explain",)),
                                             ("explain", ("explain", "1001")), ("version", ("version",)), ("init", ("init",))])
def test_json_output_is_as_documented(project, kind, arguments):
    project.sources()
    valid(json.loads(project.run(*arguments, "--format", "json").stdout), kind)


def test_json_lines_are_as_documented(project):
    project.sources(database_connection={**SOURCE["database_connection"], "password": "x"})  # a warning
    lines = [json.loads(line) for line in project.run("load", "--source", "shop", "--max-retries", "0", "--log-format", "json").stderr.splitlines()]
    valid(lines[-1], "exit_line")
    for line in lines[:-1]:
        valid(line, "log_line")
    record = json.loads(next((project.folder / "logs").glob("run-*.json")).read_text())
    valid(record, "run_record")
    assert record["exit_code"] == lines[-1]["code"] == 75 and record["error"]["code"] == lines[-1]["error"]
    valid(json.loads(project.run("version", "--log-format", "json").stderr.splitlines()[-1]), "exit_line")


def test_correlation_id_from_traceparent(project):
    project.sources()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    project.write(".env", "FIRN_NOTHING=1\n").chmod(0o600)  # a warning, so that there is a log line
    err = project.run("config", "show", env={"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"}).stderr
    assert f"[{trace}]" in err
    assert "[mine]" in project.run("config", "show", "--correlation-id", "mine", env={"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"}).stderr
