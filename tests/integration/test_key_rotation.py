"""A new key of pseudonyms: refused by accident, recorded by name, and no difference to `compare`."""

from pathlib import Path

import pytest

from schemas.pseudonymize import key_version
from tests.support.command import run_command
from tests.support.runs import query
from tests.support.stores import ALL_TIME, knowledge

KEYS = {"old": b"the old key of pseudonyms", "new": b"the new key of pseudonyms"}
HASHES = "select distinct name_hmac from analytics.customer_events where name_hmac is not null order by 1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name, key in KEYS.items():
        (folder / name).write_bytes(key)
    assert run_command("simulate", "--output", folder / "in", "--events", 300)[0] == 0
    words = (
        "--input",
        folder / "in",
        "--output",
        folder / "out",
        "--pii_key_file",
        folder / "old",
        "--run_id",
        "first",
    )
    code, _, err = run_command("local", *words)
    assert code == 0, err
    return folder


def versions(store: Path) -> dict[str, str]:
    sql = "select run_id, pii_key_version from event_store.{} where pii_key_version is not null"
    return {run: key for view in ("run_states", "replay_runs") for run, key in query(store, sql.format(view))}


def test_the_record_of_a_run_names_the_version_and_never_the_key(folder):
    assert versions(folder / "out") == {"first": key_version(KEYS["old"])}
    assert KEYS["old"] not in b"".join(
        str(row).encode() for row in query(folder / "out", "select * from event_store.runs")
    )


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["local", "--append", "--input", "IN"], id="append"),
        pytest.param(["replay", "--mode", "rebuild", *ALL_TIME], id="rebuild"),
        pytest.param(["redrive"], id="redrive"),
    ],
)
@pytest.mark.parametrize("key", ["new", None], ids=["another key", "no key"])
def test_a_run_with_another_key_is_refused_and_changes_nothing(folder, words, key):
    store = folder / "out"
    known = knowledge(store)
    words = [str(folder / "in") if word == "IN" else word for word in words]
    words += ["--pii_key_file", str(folder / key)] if key else []
    code, _, err = run_command(*words, "--output", store)
    assert code == 2
    assert f"pii_key_version {key_version(KEYS['old'])}" in err
    assert (f"--set pii_key_version={key_version(KEYS['new'])}" in err) is (key is not None)
    assert "Traceback" not in err
    assert knowledge(store) == known


def test_a_rotation_is_no_difference_to_compare_and_a_rebuild_completes_it(folder):
    store = folder / "out"
    shadow = ["replay", "--output", store, "--mode", "shadow", "--into", "beside", *ALL_TIME]
    assert run_command(*shadow, "--pii_key_file", folder / "new", "--run_id", "shadow")[0] == 0
    code, out, err = run_command("compare", "--output", store, "--into", "beside")
    assert code == 0, out + err
    [line] = [line for line in out.splitlines() if line.startswith("customer_events:")]
    assert "0 differ" in line
    assert "keys whose pseudonyms were made with another key" in line

    before = query(store, HASHES)
    version = key_version(KEYS["new"])
    assert run_command("settings", "--output", store, "--set", f"pii_key_version={version}")[0] == 0
    rebuild = ["replay", "--output", store, "--mode", "rebuild", *ALL_TIME, "--run_id", "rotated"]
    code, _, err = run_command(*rebuild, "--pii_key_file", folder / "new")
    assert code == 0, err
    assert versions(store)["rotated"] == version
    after = query(store, HASHES)
    assert len(after) == len(before) > 0
    assert not {*after} & {*before}


def test_a_difference_of_other_columns_is_still_found(folder):
    """The shadow of the test before has the new key: a changed country differs, whatever the key."""
    from pipelines.replay.compare.tables import only_pseudonyms

    live = {"country": "AT", "name_hmac": "1"}
    assert only_pseudonyms(live, {"country": "AT", "name_hmac": "2"}, ("name_hmac",))
    assert not only_pseudonyms(live, {"country": "DE", "name_hmac": "2"}, ("name_hmac",))
    assert not only_pseudonyms(live, {"country": "AT", "name_hmac": None}, ("name_hmac",))
