"""The report of a run: `report.html`, one self-contained file made from the stores, the summary and the options."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from pipelines.report.number_format import NOTHING
from pipelines.report.page import render
from pipelines.report.saga_section import sagas_section
from pipelines.report.sections import (
    dead_letters_section,
    devices_section,
    events_section,
    lag_section,
    revenue_section,
    run_section,
    tables_section,
    topics_section,
)
from pipelines.report.stores import Stores, TableNames
from pipelines.report.timeline import MAX_POINTS

_SOFTWARE = ("apache-beam", "pydantic", "jiter", "pyarrow", "google-cloud-bigquery", "google-cloud-bigquery-storage")


def write_report(
    client: bigquery.Client, target: TableNames, summary: Mapping[str, Any], options: Mapping[str, Any], path: Path
) -> None:
    """Write the report of the run of `summary`; without a `run_id` the report covers every run in the stores.

    The file is written atomically. Errors of queries are raised as the client raises them.
    """
    stores = Stores(client, target, summary.get("run_id"), int(options.get("window_seconds") or 60))
    span = stores.time_span("pipeline_metrics", "window_start", "SUM(received)", MAX_POINTS)
    sections = [
        topics_section(summary),
        tables_section(summary),
        events_section(stores, span),
        lag_section(stores, span),
        dead_letters_section(stores, summary),
        revenue_section(stores),
        sagas_section(stores),
        devices_section(stores),
        run_section(options, software(summary)),
    ]
    page = render(summary, [section for section in sections if section is not None])
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def software(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the versions that a run depends on."""
    rows = [("event-pipelines", str(summary.get("version") or NOTHING)), ("Python", platform.python_version())]
    for name in _SOFTWARE:
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return rows
