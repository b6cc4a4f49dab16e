"""An identity provider: tokens of OAuth 2.0 for a client's id and secret, signed, with the keys to check them by."""
import base64
import http.server
import json
import os
import ssl
import subprocess
import threading
import time
import urllib.parse

from .process import scratch_folder


def _base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Identity:
    """`url` is the token endpoint, on TLS of `authority`; `keys` a file with the public keys (JWKS). `life_s` of its tokens, `down` (answers 503)
    and `refuses` may be changed while it runs; `asked` has the form of each question."""

    def __init__(self, authority, client, secret, issuer="https://identity.test"):
        self.client, self.secret, self.issuer = client, secret, issuer
        self.life_s, self.down, self.asked = 3600, False, []
        self.folder = scratch_folder("identity")
        self.key, self.keys = os.path.join(self.folder, "key.pem"), os.path.join(self.folder, "jwks.json")
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, stderr=subprocess.DEVNULL)
        modulus = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "e": "AQAB", "n": _base64(bytes.fromhex(modulus.strip().split("=")[1]))}
        with open(self.keys, "w", encoding="utf-8") as file:
            json.dump({"keys": [key]}, file)
        self._serve(authority)

    def token(self, life_s=None):
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": self.client, "aud": "kafka", "iat": now, "exp": now + (life_s or self.life_s), "jti": str(time.time_ns())}
        text = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": "1"}, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True, capture_output=True).stdout
        return f"{text}.{_base64(signature)}"

    def _answer(self, authorization, form):
        self.asked.append(form)
        if self.down:
            return 503, {}
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (urllib.parse.unquote(user), urllib.parse.unquote(password)) != (self.client, self.secret):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") != ["client_credentials"]:
            return 400, {"error": "unsupported_grant_type"}
        return 200, {"access_token": self.token(), "token_type": "Bearer", "expires_in": self.life_s}

    def _serve(self, authority):
        identity = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
                status, body = identity._answer(self.headers.get("Authorization", ""), form)
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("localhost"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}/oauth2/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
