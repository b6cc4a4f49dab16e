"""The page behind --http: what it answers, whom it refuses, and what it survives."""
import contextlib
import os
import pathlib
import re
import socket
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FIRN_BUILD_DIR", ROOT / "build"))
PROGRAM = BUILD / "tests" / "unit_peers" / "status_page"
TOKEN = "a-token-of-twenty-six-bytes"
SAMPLE = re.compile(r'[a-z_]+(\{[a-z_]+="(\\.|[^"\\\n])*"(,[a-z_]+="(\\.|[^"\\\n])*")*\})? [-+0-9.eE]+')


@contextlib.contextmanager
def page(*arguments):
    process = subprocess.Popen([PROGRAM, *(arguments or ("127.0.0.1:0",))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        code = process.wait(timeout=60)
        process.stdout.close()
    assert code == 0


def ask(port, request, host="127.0.0.1"):
    """Sends the bytes; returns status, headers, body."""
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return (int(lines[0].split()[1]) if answer else 0,
            dict(line.lower().split(": ", 1) for line in lines[1:]), body)


def get(port, path, method="GET", host="127.0.0.1", headers=""):
    return ask(port, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n".encode())


def test_routes():
    with page() as port:
        code, headers, body = get(port, "/metrics")
        assert code == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = body.decode().splitlines()
        assert len(lines) > 20 and 'firn_lag_seconds{source="shop",table="a\\"b\\\\c\\nd"} 1.5' in lines
        for line in lines:
            assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
        assert headers["x-content-type-options"] == "nosniff" and "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store" and "set-cookie" not in headers
        assert get(port, "/healthz")[::2] == (200, b"ok\n")
        assert get(port, "/readyz")[::2] == (503, b"not connected\n")
        code, headers, body = get(port, "/api/status")
        assert code == 200 and headers["content-type"] == "application/json" and body == b'{"tables": []}\n'
        code, headers, body = get(port, "/api/status", "HEAD")
        assert code == 200 and headers["content-length"] == "15" and body == b""


def test_what_is_not_there():
    with page() as port:
        for path in ("/", "/metrics/", "/../metrics", "/api", "/%2e%2e/etc/passwd"):
            assert get(port, path)[0] == 404, path
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
            code, headers, _ = get(port, "/metrics", method)
            assert code == 405 and headers["allow"] == "get, head", method
        assert get(port, "/metrics", headers="Content-Length: 5\r\n")[0] == 413
        assert get(port, "/metrics", headers="Transfer-Encoding: chunked\r\n")[0] in (400, 413)


def test_host():
    with page() as port:
        for host in ("localhost", "localhost:9", "127.0.0.1:9464", "[::1]:9464", "10.0.0.7"):
            assert get(port, "/metrics", host=host)[0] == 200, host
        for host in ("evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example", "[::1]x", "[", ""):
            assert get(port, "/metrics", host=host)[0] in (400, 421), host
        assert ask(port, b"GET /metrics HTTP/1.0\r\n\r\n")[0] == 421
        assert get(port, "/metrics", headers="Host: localhost\r\n")[0] == 400


def test_token():
    with page("0.0.0.0:0", TOKEN) as port:
        bearer = f"Authorization: Bearer {TOKEN}\r\n"
        code, headers, body = get(port, "/metrics")
        assert code == 401 and headers["www-authenticate"] == "bearer" and b"firn_" not in body
        for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
            assert get(port, "/api/status", headers=f"Authorization: Bearer {wrong}\r\n")[0] == 401, wrong
        assert get(port, "/api/status", headers=f"Authorization: Basic {TOKEN}\r\n")[0] == 401
        assert get(port, "/metrics", headers=bearer + bearer)[0] == 400
        assert get(port, "/nothing")[0] == 401
        assert get(port, "/metrics", headers=bearer)[0] == get(port, "/metrics", headers=bearer, host="lake.example")[0] == 200
        assert get(port, "/healthz")[0] == 200


def refused(*arguments):
    done = subprocess.run([PROGRAM, *arguments], text=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 64 and TOKEN not in done.stdout
    return done.stdout


def test_addresses():
    assert "FIRN-1003" in refused("0.0.0.0:0") and "FIRN-1003" in refused("[::]:0")
    assert "FIRN-1002" in refused("0.0.0.0:0", "short")
    for address in ("localhost", "127.0.0.1:65536", "example.com:80", "[::1:80", "127.0.0.1:", "127.0.0.1:-1", ":x", "[]:1", "[:1"):
        assert "FIRN-1002" in refused(address), address
    for address in (":0", "0", "localhost:0"):
        with page(address) as port:
            assert get(port, "/healthz")[0] == 200
    with page() as port:
        assert "FIRN-6010" in refused(f"127.0.0.1:{port}")


def test_bad_requests():
    with page() as port:
        for request in (b"\x00\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\nHost: localhost\r\n\r\n",
                        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
                        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            try:
                assert ask(port, request)[0] in (0, 400, 404, 405, 413, 414, 421, 431, 505), request[:40]
            except ConnectionError:
                pass  # cut off while we were still sending
            assert get(port, "/healthz")[0] == 200


def test_idle_connections():
    """More than it takes: once they are gone it answers again, and ending does not wait for those that are left."""
    with page() as port:
        idle = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(100)]
        for connection in idle[:99]:
            connection.close()
        assert get(port, "/healthz")[0] == 200
        idle[99].sendall(b"GET /metr")
    idle[99].close()
