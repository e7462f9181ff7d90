"""The worker for real: Beam's own boot starts the workers of each graph from a venv that holds the image's packages.

Prism runs the graphs with every sink on; the rows equal those of a run in this process.
"""

from pathlib import Path

import pytest

from tests.support.boot import boot_script, need_boot
from tests.support.booted import check_redrive, check_replay, check_streaming
from tests.support.image import build_wheel, make_venv

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    make_venv(folder / "venv", build_wheel(folder / "wheel"))
    return folder / "venv"


@pytest.fixture
def script(tmp_path, environment) -> Path:
    return boot_script(tmp_path, need_boot(), environment)


def test_workers_that_boot_started_replay_and_change_nothing(tmp_path, script):
    check_replay(tmp_path, script)


def test_workers_that_boot_started_stream_the_rows_of_a_batch_run(tmp_path, script):
    check_streaming(tmp_path, script)


def test_a_worker_that_boot_started_redrives(tmp_path, script):
    check_redrive(tmp_path, script)
