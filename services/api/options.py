"""The options of the service: their names, units and defaults, and the frozen configuration that they become."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from schemas.read_model.address import AddressError, ReadModelAddress, parse_address

MAX_BODY_BYTES = 4 << 20
TOKEN_URL = "https://issuer.example/oauth2/token"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ConfigError(Exception):
    """An option is wrong; the text names it and its value."""


def read_model_address(text: str) -> ReadModelAddress:
    """Parse the address of a read model; the error quotes no password."""
    try:
        return parse_address(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@dataclass(frozen=True, kw_only=True)
class ApiConfig:
    """The options of the service."""

    read_model: ReadModelAddress
    host: str = "127.0.0.1"
    port: int = 8080
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    issuer: str | None = None
    audience: str | None = None
    jwks: str | None = None
    skew_seconds: float = 30.0
    api_keys: Path | None = None
    no_auth: bool = False
    token_url: str = TOKEN_URL
    project: str | None = None
    publish_project: str | None = None
    event_store: str = "event_store"
    analytics: str = "analytics"
    max_bytes_billed: int | None = None
    connections: int = 8
    requests_per_second: float = 200.0
    burst: int = 400
    max_body_bytes: int = MAX_BODY_BYTES

    def __post_init__(self) -> None:
        local = self.host in LOOPBACK
        tokens = [value is not None for value in (self.issuer, self.audience, self.jwks)]
        if any(tokens) and not all(tokens):
            raise ConfigError("--issuer, --audience and --jwks: are needed together")
        if self.jwks is not None and self.jwks.startswith("http://") and not self.jwks.startswith(
            tuple(f"http://{name}" for name in ("127.0.0.1:", "localhost:", "[::1]:"))
        ):  # fmt: skip
            raise ConfigError(f"--jwks {self.jwks}: must be https: the keys decide who is who")
        if self.no_auth and (any(tokens) or self.api_keys is not None):
            raise ConfigError("--no_auth: contradicts --jwks and --api_keys")
        if not (self.no_auth or any(tokens) or self.api_keys is not None):
            raise ConfigError("one of --jwks, --api_keys and --no_auth is needed")
        if self.no_auth and not local:
            raise ConfigError(f"--no_auth: is for this machine only, and --host is {self.host}")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("--tls_certificate and --tls_key: are needed together")
        if self.tls_certificate is None and not local and not self.behind_proxy:
            raise ConfigError(
                f"--host {self.host}: needs --tls_certificate and --tls_key, or --behind_proxy where a proxy ends TLS"
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the service."""
    parser.add_argument(
        "--read_model", type=read_model_address, required=True, metavar="URL",
        help="postgresql://USER@HOST/DATABASE or sqlite:///FILE (docs/read-model.md)",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port (default: %(default)s; 0: any free one)")
    tls = parser.add_argument_group("TLS (version 1.3)")
    tls.add_argument("--tls_certificate", type=Path, metavar="FILE", help="certificate chain, PEM")
    tls.add_argument("--tls_key", type=Path, metavar="FILE", help="its key, PEM")
    tls.add_argument("--behind_proxy", action="store_true", help="a proxy ends TLS, as on Cloud Run: listen without it")
    auth = parser.add_argument_group("authentication")
    auth.add_argument("--jwks", metavar="URL|FILE", help="the issuer's key set")
    auth.add_argument("--issuer", metavar="TEXT", help="the claim iss of its tokens")
    auth.add_argument("--audience", metavar="TEXT", help="the claim aud of tokens for this service")
    auth.add_argument(
        "--skew_seconds", type=float, default=30.0, help="how far the issuer's clock may differ (default: %(default)s)"
    )
    auth.add_argument(
        "--token_url", default=TOKEN_URL, metavar="URL", help="where callers get tokens, for the OpenAPI document"
    )
    auth.add_argument(
        "--api_keys", type=Path, metavar="FILE", help="hashed API keys; the command api-key makes entries"
    )
    auth.add_argument("--no_auth", action="store_true", help="everyone may do everything; on a loopback address only")
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--connections", type=int, default=8, help="connections to PostgreSQL, at most (default: %(default)s)"
    )
    limits.add_argument(
        "--requests_per_second", type=float, default=200.0,
        help="per caller, in the long run; 0: no limit (default: %(default)s)",
    )  # fmt: skip
    limits.add_argument("--burst", type=int, default=400, help="per caller, at once (default: %(default)s)")
    limits.add_argument(
        "--max_body_bytes",
        type=int,
        default=MAX_BODY_BYTES,
        help="body of POST /events, at most (default: %(default)s)",
    )
    limits.add_argument(
        "--max_bytes_billed",
        type=int,
        metavar="BYTES",
        help="a BigQuery query that reads more fails (default: no bound)",
    )
    parser.add_argument(
        "--publish_project", metavar="P", help="project of the topics for POST /events (default: events are not taken)"
    )


def config_of(args: argparse.Namespace, **more: object) -> ApiConfig:
    """Return the configuration of parsed options; ConfigError names the one that is wrong."""
    names = set(ApiConfig.__dataclass_fields__)
    given = {name: value for name, value in vars(args).items() if name in names}
    return ApiConfig(**{**given, **more})
