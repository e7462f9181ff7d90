"""The address of a read model: a PostgreSQL URL or a SQLite file, parsed once; nothing that it prints holds a password.

`postgresql://USER[:PASSWORD]@HOST[:PORT]/DATABASE?sslmode=verify-full` is libpq's own form. Three parameters are ours:
`schema` (default read_model), and `cloud_sql=PROJECT:REGION:INSTANCE` with `ip_type=public|private|psc`, which connects by
IAM through Cloud SQL's connector and needs no password. `sqlite:///FILE` is a file, `sqlite:////FILE` an absolute one.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

DEFAULT_SCHEMA = "read_model"
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_INSTANCE = re.compile(r"[a-z0-9.:-]+:[a-z0-9-]+:[a-z0-9-]+")
_OURS = ("schema", "cloud_sql", "ip_type")
IP_TYPES = ("public", "private", "psc")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


class AddressError(ValueError):
    """The address cannot be used; the text names the fault and quotes no password."""


@dataclass(frozen=True, kw_only=True)
class ReadModelAddress:
    """Where a read model is.

    Args:
        dialect: postgresql or sqlite.
        shown: the address without a password, for people.
        namespace: schema of the live tables (PostgreSQL); empty for SQLite.
        conninfo: the URL as libpq takes it; holds the password. Empty for SQLite and Cloud SQL.
        path: the file (SQLite).
        cloud_sql: instance connection name, for IAM authentication.
        user: database user (Cloud SQL).
        database: database (Cloud SQL).
        ip_type: which address of the instance is used (Cloud SQL).
    """

    dialect: str
    shown: str
    namespace: str = ""
    conninfo: str = field(default="", repr=False)
    path: str = ""
    cloud_sql: str = ""
    user: str = ""
    database: str = ""
    ip_type: str = "public"

    @property
    def has_password(self) -> bool:
        """Whether the address holds a password."""
        return bool(self.conninfo) and urlsplit(self.conninfo).password is not None

    def __str__(self) -> str:
        return self.shown


def parse_address(text: str) -> ReadModelAddress:
    """Return the address of a URL.

    Raises:
        AddressError: it is no such URL.
    """
    scheme = text.partition("://")[0]
    if scheme == "sqlite":
        return _sqlite(text)
    if scheme in ("postgresql", "postgres"):
        return _postgresql(text)
    raise AddressError("must be postgresql://USER@HOST/DATABASE or sqlite:///FILE")


def _sqlite(text: str) -> ReadModelAddress:
    path = unquote(text.removeprefix("sqlite://").removeprefix("/"))
    if not text.startswith("sqlite:///") or not path or "?" in path or path.endswith("/"):
        raise AddressError("must be sqlite:///FILE; a fourth slash starts an absolute path")
    return ReadModelAddress(dialect="sqlite", shown=f"sqlite:///{path}", path=path)


def _postgresql(text: str) -> ReadModelAddress:
    try:
        parts = urlsplit(text)
        _ = parts.port
        given = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True))
    except ValueError:
        raise AddressError("is not a URL") from None
    if "password" in given:
        raise AddressError("the parameter password is not accepted; write USER:PASSWORD@HOST, or use PGPASSFILE")
    schema = given.get("schema", DEFAULT_SCHEMA)
    if not _SCHEMA.fullmatch(schema):
        raise AddressError(f"schema={schema}: must be lower-case letters, digits and '_', at most 40")
    if (mode := given.get("sslmode")) is not None and mode not in SSL_MODES:
        raise AddressError(f"sslmode={mode}: must be one of {', '.join(SSL_MODES)}")
    host = parts.netloc.rpartition("@")[2]
    user = unquote(parts.username or "")
    query = urlencode(given, safe="/:")
    account = f"{quote(user, safe='')}@" if user else ""
    shown = f"postgresql://{account}{host}{parts.path}{f'?{query}' if query else ''}"
    instance, database = given.get("cloud_sql", ""), parts.path.lstrip("/")
    if instance:
        ip_type = given.get("ip_type", "public")
        if not _INSTANCE.fullmatch(instance):
            raise AddressError(f"cloud_sql={instance}: must be PROJECT:REGION:INSTANCE")
        if ip_type not in IP_TYPES:
            raise AddressError(f"ip_type={ip_type}: must be one of {', '.join(IP_TYPES)}")
        if not user or not database or parts.password is not None:
            raise AddressError(
                "with cloud_sql the URL is postgresql://IAM_USER@/DATABASE?cloud_sql=…, without a password"
            )
        return ReadModelAddress(
            dialect="postgresql", shown=shown, namespace=schema, cloud_sql=instance, user=user, database=database,
            ip_type=ip_type,
        )  # fmt: skip
    ours = {name: value for name, value in given.items() if name not in _OURS}
    if "sslmode" not in ours and not _is_local(parts.hostname or "", ours.get("host", "")):
        ours["sslmode"] = "verify-full"  # libpq's own default would fall back to plain text
        ours.setdefault("sslrootcert", "system")
    conninfo = f"postgresql://{parts.netloc}{parts.path}{f'?{urlencode(ours)}' if ours else ''}"
    return ReadModelAddress(dialect="postgresql", shown=shown, namespace=schema, conninfo=conninfo)


def _is_local(host: str, parameter: str) -> bool:
    """Return whether a host is this machine or the folder of a Unix socket."""
    return all(name in LOOPBACK or unquote(name).startswith("/") for name in (host, parameter))
