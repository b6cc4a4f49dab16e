"""Builds firn and runs its suites: a line per suite, then `N passed, N failed`. Started by ./test."""
import argparse
import collections
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD, SANITIZED = ROOT / "build", ROOT / "build-asan"
PYTHON = ROOT / ".cache" / "venv" / "bin" / "python"
LOGS = ROOT / ".cache" / "test-logs"
CLEANUP_S = 20
FAILURES_SHOWN, MESSAGE_LINES, MESSAGE_SIZE = 20, 4, 500

Suite = collections.namedtuple("Suite", "name run quick")
Count = collections.namedtuple("Count", "passed failed skipped")


def run_logged(command, log, **keywords):
    """Runs a command whose output goes to a log. It ends when we do, and gets the time to end its servers."""
    prctl = ctypes.CDLL(None).prctl
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                               preexec_fn=lambda: prctl(1, signal.SIGTERM), cwd=ROOT, **keywords)
    try:
        return process.wait()
    except BaseException as stop:
        if not isinstance(stop, KeyboardInterrupt):  # Ctrl-C has reached it already
            process.terminate()
        try:
            process.wait(CLEANUP_S)
        except subprocess.TimeoutExpired:
            process.kill()  # its servers end with it
            process.wait()
        raise


def count_junit(path):
    """What a JUnit file says, and the failures' names with their messages."""
    passed = failed = skipped = 0
    messages = []
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        trouble = case.find("failure") if case.find("failure") is not None else case.find("error")
        if trouble is not None:
            failed += 1
            text = (trouble.get("message") or trouble.text or "").strip() or _failed_lines(case)
            first = " ".join(text.splitlines()[:MESSAGE_LINES])[:MESSAGE_SIZE]
            messages.append(f"{case.get('classname')}.{case.get('name')}: {first}")
        elif case.find("skipped") is not None:
            skipped += 1
            messages.append(f"skipped {case.get('name')}: {case.find('skipped').get('message') or ''}")
        else:
            passed += 1
    return Count(passed, failed, skipped), messages


def _failed_lines(case):
    """Meson's JUnit has no message: what cmocka said of the tests that failed."""
    text = "".join((case.findtext(name) or "") for name in ("system-out", "system-err"))
    return " ".join(line.strip() for line in text.splitlines() if "error:" in line or "[  FAILED" in line or "Sanitizer" in line)


def build(folder, log, *options):
    """Configures once and compiles. Returns 0 or ninja's exit code."""
    if not (folder / "build.ninja").exists():
        code = run_logged(["meson", "setup", str(folder), *options], log)
        if code:
            return code
    return run_logged(["ninja", "-C", str(folder)], log)


def build_suite(folder, *options):
    def run(log, _):
        code = build(folder, log, *options)
        return Count(0 if code else 1, 1 if code else 0, 0), [f"the build in {folder.name}/ failed"] if code else []
    return run


def meson_suite(folder, suite):
    def run(log, _):
        junit = folder / "meson-logs" / "testlog.junit.xml"
        junit.unlink(missing_ok=True)
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1")
        code = run_logged(["meson", "test", "-C", str(folder), "--no-rebuild", "--print-errorlogs", "--suite", suite],
                           log, env=environment)
        if not junit.exists():
            if code == 0:
                return Count(0, 0, 0), [f"no tests in suite '{suite}'"]
            return Count(0, 1, 0), [f"meson test --suite {suite} ended with {code}"]
        return count_junit(junit)
    return run


def pytest_suite(folder, *arguments):
    def run(log, extra):
        if not list((ROOT / "tests" / folder).glob("test_*.py")):
            return Count(0, 0, 0), ["no tests there"]
        junit = LOGS / f"{folder}.xml"
        junit.unlink(missing_ok=True)
        environment = dict(os.environ, FIRN_BUILD_DIR=str(BUILD), FIRN_BIN=str(BUILD / "firn"),
                           PYTHONPATH=str(ROOT / "tests"), PYTHONDONTWRITEBYTECODE="1")
        environment.pop("FIRN_KEEP", None)
        code = run_logged([str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=15",
                            f"--junitxml={junit}", f"tests/{folder}", *arguments, *extra], log, env=environment)
        if not junit.exists():
            return Count(0, 1, 0), [f"pytest ended with {code}"]
        return count_junit(junit)
    return run


SUITES = [
    Suite("build", build_suite(BUILD), True),
    Suite("tidy", meson_suite(BUILD, "tidy"), True),
    Suite("unit", meson_suite(BUILD, "unit"), True),
    Suite("cli", pytest_suite("cli"), True),
    Suite("unit_peers", pytest_suite("unit_peers"), True),
    # Two files at a time: most of the time goes by waiting for servers.
    Suite("e2e", pytest_suite("e2e", "-n", "2", "--dist", "loadfile"), True),
    Suite("build-asan", build_suite(SANITIZED, "-Db_sanitize=address,undefined", "-Db_lundef=false"), False),
    Suite("unit-asan", meson_suite(SANITIZED, "unit"), False),
    Suite("fuzz-asan", meson_suite(SANITIZED, "fuzz"), False),
]


def run_suite(suite, extra):
    """Runs one suite and prints its line and its failures."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log_path = LOGS / f"{suite.name}.log"
    started = time.monotonic()
    with open(log_path, "wb") as log:
        count, messages = suite.run(log, extra)
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"{'FAIL' if count.failed else 'ok  '} {suite.name:<12} {count.passed:>5} ok {count.failed:>4} bad{skipped:<12} "
          f"{time.monotonic() - started:7.1f} s", flush=True)
    for message in messages[:FAILURES_SHOWN]:
        print("       " + message, flush=True)
    if count.failed:
        print(f"       log: {log_path.relative_to(ROOT)}", flush=True)
    return count


def choose(arguments):
    chosen = [suite for suite in SUITES if suite.name in arguments.suites] if arguments.suites else \
        [suite for suite in SUITES if suite.quick or not arguments.quick]
    unknown = set(arguments.suites) - {suite.name for suite in SUITES}
    if unknown:
        sys.exit(f"test: no suite is called {', '.join(sorted(unknown))}; there are {', '.join(suite.name for suite in SUITES)}")
    return chosen


def main():
    parser = argparse.ArgumentParser(prog="./test")
    parser.add_argument("--quick", action="store_true", help="no Spark, no Kafka, no sanitizer build")
    parser.add_argument("--list", action="store_true", help="names the suites")
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    own, _, extra = _split(sys.argv[1:])
    arguments = parser.parse_args(own)
    if arguments.list:
        print("\n".join(suite.name for suite in SUITES))
        return 0
    if arguments.quick:
        extra = ["-m", "not slow", *extra]
    total = [0, 0]
    for suite in choose(arguments):
        count = run_suite(suite, extra)
        total[0] += count.passed
        total[1] += count.failed
        if count.failed and suite.name == "build":
            break
    print(f"{total[0]} passed, {total[1]} failed")
    return 1 if total[1] or not total[0] else 0


def _split(words):
    if "--" not in words:
        return words, None, []
    place = words.index("--")
    return words[:place], "--", words[place + 1:]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
