"""The file of API keys: entries, mistakes, and changes while the service runs."""

import pytest

from services.api.auth.api_keys import RELOAD_SECONDS, ApiKeys, KeyFileError, hash_of, new_key, parse_file
from services.api.auth.principal import NotAuthenticated

KEY, HASH = new_key()


def test_a_new_key_is_long_and_its_hash_tells_nothing_of_it():
    assert len(KEY) > 40
    assert KEY not in HASH
    assert new_key()[0] != KEY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keys: [", "not YAML"),
        ("a: 1", "no list `keys`"),
        ("keys: [1]", r"keys\[0\]: must have"),
        (f'keys: [{{name: a, hash: "{HASH}", scopes: ["all"]}}]', r"keys\[0\].scopes"),
        ('keys: [{name: a, hash: "md5:1", scopes: []}]', r"keys\[0\].hash"),
        (f'keys: [{{name: "", hash: "{HASH}", scopes: []}}]', r"keys\[0\].name"),
        (f'keys: [{{name: a, hash: "{HASH}", scopes: [], expires: soon}}]', r"keys\[0\].expires"),
        (f'keys: [{{name: a, hash: "{HASH}", scopes: []}}, {{name: b, hash: "{HASH}", scopes: []}}]', "twice"),
    ],
)
def test_a_mistake_names_the_entry(text, words):
    with pytest.raises(KeyFileError, match=words):
        parse_file(text)


def test_a_changed_file_is_read_and_a_broken_one_is_not(tmp_path):
    file, now, wall = tmp_path / "keys.yaml", [0.0], [0]
    file.write_text(f'keys: [{{name: a, hash: "{HASH}", scopes: ["stock:read"], customer_id: c1}}]')
    keys = ApiKeys(file, wall=lambda: wall[0], clock=lambda: now[0])
    principal = keys.verify(KEY)
    assert (principal.name, principal.scopes, principal.customer_id) == ("key:a", {"stock:read"}, "c1")
    file.write_text("keys: [ broken")
    now[0] = RELOAD_SECONDS + 1
    assert keys.verify(KEY)
    file.write_text("keys: []")
    now[0] *= 2
    with pytest.raises(NotAuthenticated):
        keys.verify(KEY)


def test_an_expired_key_is_refused(tmp_path):
    file, wall = tmp_path / "keys.yaml", [0]
    file.write_text(f'keys: [{{name: a, hash: "{hash_of("epk_x")}", scopes: [], expires: "2026-01-01T00:00:00Z"}}]')
    keys = ApiKeys(file, wall=lambda: wall[0])
    assert keys.verify("epk_x")
    wall[0] = 1767225600_000_000
    with pytest.raises(NotAuthenticated, match="expired"):
        keys.verify("epk_x")
