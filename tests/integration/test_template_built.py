"""The image itself, built by buildah from templates/Dockerfile: what is in it, its launcher, and its workers under Prism.

The base images are made here, for no image registry is asked (tests/support/built.py says of what). The launcher is a
stand-in for Google's, which is not public: it starts the image's program as is documented of the launcher.
"""

import json
import os
import shlex
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pipelines.dataflow.graphs import BUILDERS
from tests.support.boot import worker_script
from tests.support.booted import check_redrive, check_replay, check_streaming
from tests.support.built import Built, build, in_image, remove
from tests.support.image import PACKAGES, ROOT, locked
from tests.support.launcher import OFFLINE
from tests.support.submission import STAGED, UNPICKLE, check_loaded, check_request, cloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


WANTED = {canonicalize_name(name): version for name, version in locked().items()}
KEPT = os.environ.get("KEPT_IMAGE")
"""A folder that keeps the build for the next run, for work on these tests: what changed in the project is not in it."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    made = build(Path(KEPT)) if KEPT else build(tmp_path_factory.mktemp("built"))
    yield made
    if not KEPT:
        remove(made)


def test_the_image_has_labels_and_an_entrypoint(built: Built):
    assert built.config["Entrypoint"] == ["/opt/apache/beam/boot"]
    environment = dict(item.split("=", 1) for item in built.config["Env"])
    assert environment["FLEX_TEMPLATE_PYTHON_PY_FILE"] == "/template/main.py"
    assert environment["RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT"] == "1"
    assert not [name for name in environment if name.startswith("FLEX_TEMPLATE_PYTHON_") and "PY_FILE" not in name]
    labels = built.config["Labels"]
    assert labels["org.opencontainers.image.version"] == "0.2.0"
    assert labels["org.opencontainers.image.title"] == "event-pipelines"


def test_it_holds_the_versions_of_the_lock_and_the_project(built: Built):
    done = built.run(
        "python", "-m", "pip", "list", "--format=json", "--path", "/usr/local/lib/python3.11/dist-packages"
    )
    versions = {canonicalize_name(load["name"]): load["version"] for load in json.loads(done.stdout)}
    assert versions.pop("event-pipelines") == "0.2.0"
    assert versions == WANTED
    assert built.run("python", "-m", "pip", "check").returncode == 0


def test_it_holds_nothing_else_of_the_project(built: Built):
    assert sorted(path.name for path in (built.root / "template").iterdir()) == [
        "main.py", "requirements.lock", "sbom.json",
    ]  # fmt: skip
    assert not (built.root / "wheels").exists()
    assert not (built.root / "build").exists()
    packages = built.root / "usr" / "local" / "lib" / "python3.11" / "dist-packages"
    for name in PACKAGES:
        mine = {path.relative_to(ROOT) for path in (ROOT / name).rglob("*.py")}
        assert {path.relative_to(packages) for path in (packages / name).rglob("*.py")} == mine
    assert not (packages / "tests" / "support").exists()


def test_its_bill_of_materials_is_the_locks(built: Built):
    bill = json.loads((built.root / "template" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert {canonicalize_name(item["name"]): item["version"] for item in bill["components"]} == WANTED


def test_nothing_of_the_build_stays_in_it(built: Built):
    conf = built.root / "etc" / "pip.conf"
    assert not conf.exists() or conf.read_text() == ""
    assert "pip.conf" not in built.buildah("inspect", built.container)


@pytest.fixture
def google(tmp_path_factory):
    """A cloud a launch: a second replay of one range would be rejected."""
    with cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.mark.parametrize("user", ["root", "pipelines"])
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_its_launcher_submits_each_template_also_without_root(built: Built, google, tmp_path, name, user):
    google.account.chmod(0o644)  # a key of nobody's: its tokens come from loopback
    google.account.parent.chmod(0o755)
    job_name = f"{name}-{user}"
    job = google.submit(in_image(built, google.account, OFFLINE, user=user), name, job_name)
    check_request(name, job_name, job, google)
    assert google.polls(job_name) == []
    staged = google.staged(job_name)
    assert set(staged) == STAGED
    (tmp_path / "pipeline.pb").write_bytes(staged["pipeline.pb"])
    check_loaded(name, built.run("python", str(UNPICKLE), str(tmp_path / "pipeline.pb"), mounts=(UNPICKLE, tmp_path)))


@pytest.fixture
def script(built: Built, tmp_path) -> Path:
    """Start a worker as Dataflow does: the image's entrypoint, which is Beam's boot, in the image's file system."""
    command = shlex.join(built.command(*built.config["Entrypoint"], mounts=(tmp_path,)))
    bus = '"--env=PUBSUB_EMULATOR_HOST=${PUBSUB_EMULATOR_HOST:-}"'
    before = "".join(
        f"export {name}={shlex.quote(built.environment[name])}\n"
        for name in ("CONTAINERS_STORAGE_CONF", "BUILDAH_ISOLATION", "TMPDIR")
    )
    return worker_script(tmp_path, command.replace("buildah run", f"buildah run {bus}", 1), before)


def test_its_workers_replay_and_change_nothing(tmp_path, script):
    check_replay(tmp_path, script)


def test_its_workers_stream_the_rows_of_a_batch_run(tmp_path, script):
    check_streaming(tmp_path, script)


def test_its_worker_redrives(tmp_path, script):
    check_redrive(tmp_path, script)
