"""The key of pseudonyms in Secret Manager: its version is resolved once, and named by what is pickled."""

import pickle
from types import SimpleNamespace

import pytest
from google.cloud import secretmanager

from pipelines.dataflow import secret_key
from schemas.pseudonymize import key_version

VALUES = {"1": b"a-key-of-sixteen-bytes-and-more", "2": b"another-key-of-sixteen-bytes"}


class Rotated:
    """Secret Manager with two versions; `latest` is the second after a rotation."""

    newest = "1"

    def access_secret_version(self, name: str) -> SimpleNamespace:
        version = name.rsplit("/", 1)[1]
        version = Rotated.newest if version == "latest" else version
        return SimpleNamespace(
            name=f"projects/12/secrets/s/versions/{version}", payload=SimpleNamespace(data=VALUES[version])
        )


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setattr(secretmanager, "SecretManagerServiceClient", Rotated)
    monkeypatch.setattr(Rotated, "newest", "1")
    secret_key.fetch.cache_clear()
    yield
    secret_key.fetch.cache_clear()


def test_a_worker_that_starts_after_a_rotation_has_the_key_of_the_launch(monkeypatch):
    launched = secret_key.read_secret("projects/p/secrets/s/versions/latest")
    assert launched.name == "projects/12/secrets/s/versions/1"
    staged = pickle.dumps(launched)
    assert VALUES["1"] not in staged
    monkeypatch.setattr(Rotated, "newest", "2")
    secret_key.fetch.cache_clear()  # as a new process
    assert pickle.loads(staged) == VALUES["1"]
    assert secret_key.read_secret("projects/p/secrets/s/versions/latest") == VALUES["2"]


def test_the_version_tells_keys_apart_and_does_not_give_them():
    assert key_version(None) is None
    assert key_version(VALUES["1"]) == key_version(bytes(VALUES["1"]))
    assert len({key_version(value) for value in VALUES.values()}) == 2
    assert all(len(key_version(value) or "") == 12 for value in VALUES.values())
