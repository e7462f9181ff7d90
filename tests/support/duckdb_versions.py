"""Other versions of DuckDB than the installed one, each in a folder of the user's cache, used through a subprocess."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

OLDER = ("1.3.2", "1.4.5", "1.5.6")
ICEBERG = "1.5.5"
"""The newest version for which PyPI has the extension `iceberg`."""
_FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "event-pipelines"
_QUERY = """
import json, sys
import duckdb
connection = duckdb.connect(*json.loads(sys.argv[1]))
if sys.argv[2]:
    import duckdb_extensions
    for name in sys.argv[2].split(","):
        duckdb_extensions.import_extension(name)
        connection.execute(f"load {name}")
rows = [connection.execute(sql).fetchall() for sql in json.loads(sys.argv[3])]
print(json.dumps(rows, default=str))
"""


@cache
def _installed(version: str, extensions: tuple[str, ...]) -> Path:
    """Return the folder of a version; the test is skipped if PyPI cannot be reached."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    folder = _FOLDER / f"duckdb-{version}"
    wanted = [f"duckdb=={version}", *(["duckdb-extensions"] if extensions else [])]
    wanted += [f"duckdb-extension-{name}=={version}" for name in extensions]
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "duckdb").is_dir():
            new = folder.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(new), *wanted]
            done = subprocess.run(pip, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode:
                shutil.rmtree(new, ignore_errors=True)
                pytest.skip(f"PyPI does not give {', '.join(wanted)}: {done.stderr.strip().splitlines()[-1:]}")
            new.rename(folder)
    return folder


def query_duckdb(
    version: str, *statements: str, database: Path | None = None, extensions: tuple[str, ...] = ()
) -> list[Any]:
    """Return the rows of each statement, as JSON has them, by a version of DuckDB; a database is opened read only."""
    folder = _installed(version, extensions)
    opened = [str(database), True] if database is not None else []
    done = subprocess.run(
        [sys.executable, "-c", _QUERY, json.dumps(opened), ",".join(extensions), json.dumps(statements)],
        env={**os.environ, "PYTHONPATH": str(folder), "HOME": str(folder)},  # extensions are unpacked below HOME
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
