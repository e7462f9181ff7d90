"""The tables in a REST catalog, as BigLake's is one: commits, conflicts, and what Google's address adds."""

import threading

import pytest

from pipelines.cli.main import main
from schemas.tables.lake import IOT_FEATURES
from tests.support.iceberg_lake import held, hour, named, publish
from tests.support.iceberg_rest import rest_catalog
from transforms.sinks.iceberg.catalog import CatalogSettings, catalog_properties, load_table, open_catalog
from transforms.sinks.iceberg.commit import commit_windows

HOURS = [hour(number) for number in range(4)]


@pytest.fixture
def lake(tmp_path):
    root = tmp_path / "lake"
    root.mkdir()
    return root


def test_a_command_commits_to_a_rest_catalog(lake, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with rest_catalog(tmp_path / "served") as (url, asked):
        publish(lake, HOURS[:2], "r1")
        words = ["lake", "iceberg", "--lake", str(lake)]
        assert main([*words, "--iceberg_catalog", url, "--iceberg_warehouse", "w"]) == 0
        publish(lake, HOURS[:1], "r2", replace=True)
        assert main(words) == 0
        table = load_table(open_catalog(CatalogSettings(url, "w")), IOT_FEATURES)
        assert held(table) == named(lake, HOURS)
        assert table.scan().to_arrow().num_rows == 20
        assert {"/v1/config?warehouse=w"} == {path for _, path, _ in asked if "config" in path}


def test_a_conflict_is_planned_again(lake, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    publish(lake, HOURS, "r1")
    with rest_catalog(tmp_path / "served") as (url, asked):
        tables = [load_table(open_catalog(CatalogSettings(url, "w")), IOT_FEATURES) for _ in range(3)]
        threads = [
            threading.Thread(target=commit_windows, args=(table, IOT_FEATURES, str(lake), HOURS, "r1"))
            for table in tables
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert held(tables[0]) == named(lake, HOURS)
        assert len([path for method, path, _ in asked if method == "POST" and path.endswith("/iot_features")]) >= 1


def test_biglake_gets_googles_credentials_and_the_project_that_pays():
    settings = CatalogSettings("https://biglake.googleapis.com/iceberg/v1/restcatalog", "gs://b", "p")
    properties = catalog_properties(settings)
    assert (properties["type"], properties["auth"]) == ("rest", {"type": "google"})
    assert properties["header.x-goog-user-project"] == "p"
    assert "auth" not in catalog_properties(CatalogSettings("https://catalog.example.com", "w", "p"))
    assert catalog_properties(CatalogSettings("sqlite:///c.db", "file:///w"))["type"] == "sql"
