"""A reverse proxy that asks for a login (Basic), as they stand before Kafka Connect; what it answers by itself can be set."""
import base64
import http.server
import threading
import urllib.error
import urllib.request


class Front:
    """`answers`: (method, part of the path) → what it answers by itself, one after the other, before it passes requests on: a status, or
    what makes the answer of what would have been passed on."""

    def __init__(self, port, login=None):
        self.login, self.answers, self.seen = login, {}, []
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, kind, answer = front.answer(self.command, self.path, self.headers, body, port)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, method, path, headers, body, port):
        self.seen.append((method, path))
        if self.login and headers.get("Authorization") != "Basic " + base64.b64encode(self.login.encode()).decode():
            return 401, "application/json", b'{"error_code":401,"message":"no"}'
        change = None
        for (wanted, part), answers in self.answers.items():
            if method == wanted and part in path and answers:
                status = change = answers.pop(0)
                if isinstance(status, int):
                    return status, "application/json", b'{"error_code":%d,"message":"Cannot complete request because of a conflicting operation"}' % status
                break
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body or None, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as done:
                return done.status, done.headers.get("Content-Type", ""), change(done.read()) if change else done.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
