"""The API as a real server on a loopback port, and an issuer of tokens for it."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from schemas.read_model.address import ReadModelAddress
from services.api.auth.principal import Scope
from services.api.options import ApiConfig
from services.api.serve import make_server

ISSUER, AUDIENCE = "https://issuer.test/", "analytics-api"
ALL = " ".join(Scope)


class Issuer:
    """Signs tokens and serves its keys on a loopback port."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.keys = {"rsa-1": self.rsa, "ec-1": self.ec}
        self.fetches = 0

    def jwks(self) -> dict[str, Any]:
        """Return the key set; an HMAC key and a key for encryption are among the keys, as in careless sets."""
        entries = []
        for name, key in self.keys.items():
            algorithm = (
                jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
            )
            entries.append({**json.loads(algorithm.to_jwk(key.public_key())), "kid": name, "use": "sig"})
        secret = base64.urlsafe_b64encode(b"not-a-secret").decode()
        return {
            "keys": [
                *entries,
                {"kty": "oct", "k": secret, "kid": "hmac-1"},
                {**entries[0], "kid": "enc-1", "use": "enc"},
            ]
        }

    def token(
        self, scope: str = ALL, *, key: str = "rsa-1", header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """Return a token; a claim that is None is left out."""
        now = int(time.time())
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "tester", "iat": now, "exp": now + 300, "scope": scope, **claims}
        signer = self.keys[key]
        algorithm = "RS256" if isinstance(signer, rsa.RSAPrivateKey) else "ES256"
        body = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(body, signer, algorithm, headers={"kid": key, **(header or {})})

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the key set; yield its URL."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                body = json.dumps(issuer.jwks()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks"
        finally:
            server.shutdown()
            server.server_close()


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def running_api(
    read_model: ReadModelAddress, queries: Any = None, uvicorn: dict[str, Any] | None = None, **options: Any
) -> Iterator[str]:
    """Run the service in a thread; yield its URL without `/api/v1`."""
    if not {"jwks", "api_keys"} & set(options):
        options["no_auth"] = True
    options.setdefault("requests_per_second", 0)
    config = ApiConfig(read_model=read_model, port=0, **options)
    server = make_server(config, queries, **(uvicorn or {}))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not server.started and time.monotonic() < limit:
        time.sleep(0.01)
    assert server.started
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"{'https' if config.tls_certificate else 'http'}://{'localhost' if config.tls_certificate else '127.0.0.1'}:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
