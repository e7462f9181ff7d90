"""docs/reference is generated from the code and current: options, error codes, tables, metrics."""

import pytest

from pipelines.cli.main import COMMANDS
from pipelines.cli.reference_docs import PAGES, SINK_COUNTERS, write
from schemas.outcomes import Code
from schemas.tables.definitions import TABLES
from schemas.views import all_views
from tests.support.paths import ROOT
from transforms.metrics import COUNTER_NAMES, DISTRIBUTION_NAMES, OUTCOMES, TOPIC_LABELS
from transforms.sinks.bigquery.counters import APPENDED_TABLES, ROW_COUNTERS

FOLDER = ROOT / "docs" / "reference"
PAGE = {name: (FOLDER / name).read_text(encoding="utf-8") for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name):
    assert PAGE[name] == PAGES[name](), "run: python -m pipelines.cli.reference_docs docs/reference"
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_the_generator_writes_the_committed_pages(tmp_path):
    write(tmp_path / "reference")
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "reference").iterdir()} == PAGE


def test_every_command_has_its_options_with_descriptions():
    for name in COMMANDS:
        assert f"\n## {name}\n" in PAGE["options.md"]
    assert (
        "| `--input DIR\\|FILE [DIR\\|FILE ...]` | required | files, folders or pipes to read; -: standard input |"
        in PAGE["options.md"]
    )
    assert "| `--window_seconds N` | `60` |" in PAGE["options.md"]
    rows = [line for line in PAGE["options.md"].splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    assert [row for row in rows if not row.replace("\\|", "").split("|")[3].strip()] == []


def test_every_code_table_and_view_has_its_place():
    assert all(f"\n## {code.value}\n" in PAGE["error-codes.md"] for code in Code)
    assert all(f"\n## {table.dataset}.{table.name}\n" in PAGE["tables.md"] for table in TABLES.values())
    assert all(f"\n## {view.dataset}.{view.name} (view)\n" in PAGE["tables.md"] for view in all_views())


def test_every_metric_is_on_its_page():
    named = [line.split("`")[1] for line in PAGE["metrics.md"].splitlines() if line.startswith("| `")]
    patterns = [name for name in named if "<topic>" in name]
    of_tables = [name for name in named if "<table>" in name]
    written = [name for name in named if "<" not in name]
    by_topic = [name.replace("<topic>", topic) for name in patterns for topic in TOPIC_LABELS]
    by_table = [name.replace("<table>", table) for name in of_tables for table in APPENDED_TABLES]
    known = (*COUNTER_NAMES, *SINK_COUNTERS, *ROW_COUNTERS, *DISTRIBUTION_NAMES)
    assert sorted(by_topic + by_table + written) == sorted(known)
    assert len(patterns) == len(OUTCOMES)
