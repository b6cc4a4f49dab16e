"""Notifications reach a real HTTP server and a real command; what goes wrong is told and ends nothing."""
import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FIRN_BUILD_DIR", ROOT / "build"))
TOKEN = "canary-token-5d1f8c2a"


class Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        code, headers, answer = self.server.answers.pop(0) if self.server.answers else (200, {}, b"ok")
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def hook(*answers):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.requests, server.answers = [], [(*answer, {}, b"")[:3] if len(answer) < 3 else answer for answer in answers]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/hook/secret-path"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(url="-", token="-", count=1, command=(), code=0, grace_ms=30000):
    done = subprocess.run([BUILD / "tests" / "unit_peers" / "notify_sender", url, token, str(count), str(grace_ms), *command],
                          text=True, capture_output=True, timeout=120, env={**os.environ, "FIRN_CANARY": "canary-environment"})
    assert done.returncode == code, done
    assert TOKEN not in done.stdout and "secret-path" not in done.stdout
    return done.stdout.splitlines()


def valid(document):
    schema = json.loads((ROOT / "docs" / "output.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/notification"}).validate(document)
    return document


def test_post():
    with hook() as (server, url):
        assert send(url, TOKEN, 2) == []
    (path, headers, first), (_, _, second) = server.requests
    assert path == "/hook/secret-path" and headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json" and headers["X-Channel"] == "lake" and "Expect" not in headers
    failed, changed = valid(json.loads(first)), valid(json.loads(second))
    assert failed["event"] == "table_failed" and failed["error"] == "FIRN-2101" and failed["table"] == "lines"
    assert failed["text"].strip("*") == "" and TOKEN.encode() not in first
    assert changed["event"] == "schema_change" and changed["source"] == "shop" and changed["correlation_id"] == "run-1"
    assert changed["changes"][0]["column_name"] == "note" and changed["changes"][0]["changed_at"] == "2023-11-14T22:13:20Z"


def test_a_busy_server_is_asked_again():
    with hook((503,), (429,)) as (server, url):
        assert send(url) == []
    assert len(server.requests) == 3


def test_retries_end():
    with hook((503,), (503,), (500,)) as (server, url):
        (failure,) = send(url)
    assert len(server.requests) == 3 and failure.startswith("FIRN-6001") and "answers 500" in failure


def test_refusals_are_not_tried_again():
    for code, number in ((401, "6002"), (404, "6003"), (400, "6003")):
        with hook((code, {"Content-Type": "text/plain"}, b"no such channel\n")) as (server, url):
            (failure,) = send(url)
        assert len(server.requests) == 1 and failure.startswith(f"FIRN-{number}") and "no such channel" in failure


def test_redirects_are_not_followed():
    with hook() as (other, elsewhere), hook((307, {"Location": elsewhere}, b"")) as (server, url):
        (failure,) = send(url, TOKEN)
    assert len(server.requests) == 1 and other.requests == [] and "answers 307" in failure


def test_an_answer_without_end_is_cut():
    with hook((200, {}, b"x" * 1_000_000)) as (_, url):
        (failure,) = send(url)
    assert failure.startswith("FIRN-6005")


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        (failure,) = send(f"http://127.0.0.1:{taken.getsockname()[1]}/secret-path")
    assert failure.startswith("FIRN-6001") and "127.0.0.1" in failure and "by the webhook" in failure


def test_a_silent_server_does_not_hold_the_end():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        failures = send(f"http://127.0.0.1:{silent.getsockname()[1]}/x", count=3, grace_ms=200)
    assert len(failures) <= 1 and all(failure.startswith("FIRN-9003") for failure in failures)


def test_urls_that_are_refused():
    for url in ("http://example.com/secret-path", "ftp://127.0.0.1/secret-path", "file:///etc/passwd", "nonsense",
                "https://u:secret-path@example.com/"):
        (failure,) = send(url, code=64)
        assert failure.startswith("FIRN-6004"), url


def test_a_certificate_that_nobody_signed(tmp_path):
    import ssl
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out",
                    tmp_path / "cert", "-subj", "/CN=localhost", "-days", "2"], check=True, capture_output=True)
    with hook() as (server, url):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        (failure,) = send(url.replace("http://127.0.0.1", "https://localhost"))
    assert failure.startswith("FIRN-6006") and server.requests == []


def test_command(tmp_path):
    out = tmp_path / "out"
    assert send(command=("sh", "-c", f"cat > {out}; env >> {out}")) == []
    text = out.read_text()
    event, environment = text[:text.index("PATH=")], text
    assert valid(json.loads(event[:event.rindex("}") + 1]))["event"] == "schema_change"
    assert "FIRN_EVENT=schema_change\n" in environment and "FIRN_TABLE=orders\n" in environment
    assert "canary-environment" not in environment


def test_a_failing_command_does_not_keep_the_webhook():
    with hook() as (server, url):
        (failure,) = send(url, command=("sh", "-c", "echo no such channel; exit 4"))
    assert len(server.requests) == 1 and failure.startswith("FIRN-9005") and "exit code 4: no such channel" in failure
