"""A key in Secret Manager that is never in a job graph: its pickle holds its name, and workers fetch it."""

from functools import cache
from typing import Any

from pipelines.errors import UserError
from schemas.pseudonymize import MIN_KEY_BYTES


class SecretKey(bytes):
    """The bytes of a secret version; a pickle holds only the version's name."""

    name: str

    def __new__(cls, name: str, value: bytes) -> "SecretKey":
        made = super().__new__(cls, value)
        made.name = name
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return fetch, (self.name,)

    def __repr__(self) -> str:
        return f"SecretKey({self.name!r})"


@cache
def fetch(name: str) -> SecretKey:
    """Return the secret version `projects/P/secrets/S/versions/V`, fetched once per process.

    The key names the version that the service returned: `latest` is resolved by the launcher, and workers that start after
    a rotation fetch the same version as those before.
    """
    from google.cloud import secretmanager

    client = secretmanager.SecretManagerServiceClient()
    found = client.access_secret_version(name=name)
    return SecretKey(found.name or name, found.payload.data.strip())


def read_secret(name: str | None) -> SecretKey | None:
    """Return the key that the option names; raise UserError if it cannot be read or is too short."""
    if name is None:
        return None
    if name.count("/") != 5:
        raise UserError(f"--pii_key_secret {name}: is not projects/P/secrets/S/versions/V")
    try:
        key = fetch(name)
    except Exception as error:
        raise UserError(f"--pii_key_secret {name}: cannot be read ({type(error).__name__})") from None
    if len(key) < MIN_KEY_BYTES:
        raise UserError(f"--pii_key_secret {name}: the key has {len(key)} bytes, at least {MIN_KEY_BYTES} are needed")
    return key
