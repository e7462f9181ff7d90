"""The benchmark's own code: every built-in variant does the same work, and a row that differs is seen."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import aims, live_publish, page, report, usage
from benchmarks.digest import WRITTEN, Digest, differences, digests
from benchmarks.inputs import data_set
from benchmarks.profile import shares
from benchmarks.variants import VARIANTS, python_of

EVENTS = 1_500


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return data_set(EVENTS, 500, tmp_path_factory.mktemp("bench"))


def write(name: str, source: Path, output: Path) -> dict[str, Digest]:
    output.mkdir(parents=True)
    importlib.import_module(f"benchmarks.variants.{VARIANTS[name].module}").run(source, output)
    return digests(output, VARIANTS[name].rewrites)


@pytest.fixture(scope="module")
def loop(source, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("loop") / "output"
    write("loop", source, output)
    return output


def test_the_loop_writes_each_valid_event_once(source, loop):
    truth = json.loads((source / "truth.json").read_text())
    found = digests(loop)
    assert found["events"].rows == truth["valid"] == sum(found[name].rows for name in WRITTEN[1:])


@pytest.mark.parametrize("name", ["loop, msgspec", "pipeline", "usual Beam", "DuckDB SQL", "local"])
def test_a_variant_writes_what_the_loop_writes(name, source, loop, tmp_path):
    assert differences(write(name, source, tmp_path / "output"), digests(loop, VARIANTS[name].rewrites)) == []


def test_engines_of_their_own_venvs_need_no_beam():
    for variant in VARIANTS.values():
        if variant.extra:
            text = Path("benchmarks/variants", f"{variant.module}.py").read_text()
            assert "apache_beam" not in text
            assert python_of(variant, "own") != "own"
    program = "import sys; sys.modules['apache_beam'] = None\nimport benchmarks.parquet, schemas.decode.decoder"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def change(folder: Path, table: str, edit) -> dict[str, Digest]:
    path = next((folder / table).glob("*.parquet"))
    rows = pq.read_table(path)
    pq.write_table(edit(rows), path)
    try:
        return digests(folder)
    finally:
        pq.write_table(rows, path)


def test_a_digest_does_not_depend_on_the_order_of_rows(loop):
    order = list(range(pq.read_table(next((loop / "iot_telemetry").glob("*.parquet"))).num_rows))[::-1]
    assert differences(change(loop, "iot_telemetry", lambda rows: rows.take(order)), digests(loop)) == []


def edited(rows, column: str, value):
    """Exchange the first cell of a column."""
    place = rows.schema.get_field_index(column)
    cells = [value, *rows[column].to_pylist()[1:]]
    return rows.set_column(place, rows.schema.field(place), pa.array(cells, rows.schema.field(place).type))


@pytest.mark.parametrize(
    ("edit", "results"),
    [
        pytest.param(lambda rows: rows.slice(1), "-1 rows", id="a row less"),
        pytest.param(lambda rows: rows.take([0, *range(rows.num_rows)]), "+1 rows", id="a row twice"),
        pytest.param(
            lambda rows: rows.take([0, 0, *range(2, rows.num_rows)]), "other cells", id="one in another's place"
        ),
        pytest.param(lambda rows: edited(rows, "unit", "other"), "other cells", id="a text"),
        pytest.param(lambda rows: edited(rows, "unit", None), "other cells", id="a text that is missing"),
        pytest.param(lambda rows: edited(rows, "value", 1e9), "other cells", id="a number"),
    ],
)
def test_a_row_that_differs_is_seen(loop, edit, results):
    [found] = differences(change(loop, "iot_telemetry", edit), digests(loop))
    assert found.startswith("iot_telemetry ")
    assert found.endswith(results)


def test_columns_that_name_the_run_are_not_compared(loop):
    renamed = change(loop, "iot_telemetry", lambda rows: edited(rows, "run_id", "another"))
    assert differences(renamed, digests(loop)) == []


def test_cpu_and_memory_of_the_process_tree_are_measured(tmp_path):
    burn = "import time\nwhile time.process_time() < 0.4: pass\nx = bytearray(60 << 20)\ntime.sleep(0.5)"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    used = usage.run([sys.executable, "-c", orphan], tmp_path / "log")
    assert used.code == 0
    assert 0.4 <= used.cpu_seconds < 3
    assert used.peak_mib >= 60


def test_a_failure_is_reported(tmp_path):
    used = usage.run([sys.executable, "-c", "print('so'); raise SystemExit(3)"], tmp_path / "log")
    assert (used.code, used.output) == (3, "so\n")


def test_medians_ratios_and_exponents():
    results = report.Results(3, 500)
    for events in (1000, 10_000):
        for second in (1.0, 9.0, 2.0):
            results.add(
                events, "pipeline", {"cpu_seconds": second * events / 1000, "wall_seconds": 1.0, "peak_mib": 1.0}
            )
        results.add(events, "loop", {"cpu_seconds": 1.0, "wall_seconds": 1.0, "peak_mib": 1.0})
    results.different["loop"] = ["events +1 rows"]
    assert report.exponents(results) == pytest.approx({"loop": 0.0, "pipeline": 1.0})
    pipeline, loop = report.rows(results, 1000)
    assert pipeline == ("pipeline", "2000.0", "500", "1.0", "1", "1.00", "equal")
    assert loop[-2:] == ("0.50", "events +1 rows")
    assert "| pipeline | 2000.0 |" in report.as_markdown(results)
    assert "| aim |" not in report.as_markdown(results), "a small run is mostly its start"
    assert "- loop: CPU grows with the input to the power of 0.000" in report.as_markdown(results)
    assert json.loads(json.dumps(report.as_json(results)))["exponents"]["pipeline"] == pytest.approx(1.0)
    results.add(100_000, "pipeline", {"cpu_seconds": 200.0, "wall_seconds": 1.0, "peak_mib": 1.0})
    results.add(100_000, "loop", {"cpu_seconds": 100.0, "wall_seconds": 1.0, "peak_mib": 1.0})
    tables, _, aims_told = report.as_markdown(results).partition("| aim |")
    assert tables.count("### ") == 3
    assert "0.50 times the pipeline's | missed" in aims_told


def test_a_sample_belongs_to_the_innermost_of_our_modules():
    folded = "\n".join(
        [
            "main (/x/pipelines/cli/main.py);process (/x/transforms/decode/decode.py);decode (/x/schemas/decode/decoder.py);f (/s/site-packages/p/a.py) 6",
            "main (/x/pipelines/cli/main.py);run (/s/site-packages/apache_beam/runners/r.py) 3",
            "main (/x/benchmarks/variants/local.py) 1",
            "main (/x/pipelines/cli/main.py);_find_and_load (<frozen importlib._bootstrap>);<module> (/x/pipelines/batch.py) 10",
            "_bootstrap (/usr/lib/threading.py);_worker (/usr/lib/concurrent/futures/thread.py) 99",
        ]
    )
    assert shares(folded) == [
        ("imports", 0.5),
        ("schemas/decode/decoder", 0.3),
        ("Beam itself", 0.15),
        ("start and the rest", 0.05),
    ]


def test_goals_are_decided_by_ratios():
    cpu = {"pipeline": 10.0, "loop": 9.0, "usual Beam": 150.0, "PyFlink": 25.0, "local": 26.0}
    found = {words: (measured, met) for words, measured, met in aims.found(cpu, 1_000_000, {"pipeline": 1.2})}
    assert [measured for measured, _ in found.values()] == [
        "0.90 times the pipeline's",
        "15.00 times the pipeline's",
        "2.50 times the pipeline's",
        "26.0",
        "1.200",
    ]
    assert [met for _, met in found.values()] == ["met", "missed", "met", "missed", "missed"]


def test_figures_are_put_between_their_marks(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("Before.\n\n<!-- one -->\nold\n<!-- / one -->\n\nAfter.\n")
    page.put("one", page.as_table(("a", "b"), [("x", "1")]), path)
    assert path.read_text() == (
        "Before.\n\n<!-- one -->\n| a | b |\n| --- | ---: |\n| x | 1 |\n<!-- / one -->\n\nAfter.\n"
    )
    with pytest.raises(ValueError, match="no marks named 'two'"):
        page.put("two", "", path)


@pytest.mark.parametrize("mark", ["engines", "million", "sizes", "inserts", "profile", "micro"])
def test_the_page_has_a_place_for_each_table(mark):
    assert Path("docs/benchmarks.md").read_text().count(f"<!-- {mark} -->") == 1


def test_stretches_of_a_soak_have_orders_of_their_own_and_follow_each_other(tmp_path):
    live_publish.simulate_stretches(tmp_path, 2 * live_publish.STRETCH_SECONDS, 5, 1_800_000_000.0)
    found = list(live_publish.outgoing(tmp_path))
    orders = {text.decode() for match in found for text in re.findall(rb"ORD-\d{4}-\d{8}", match.message.data)}
    assert len({match.event_id for match in found}) == len(found) == 10 * live_publish.STRETCH_SECONDS
    assert {order[4:8] for order in orders} == {"0000", "0001"}
    assert found[0].moment[:16] == "2027-01-15T08:00"
    assert "2027-01-15T08:03" <= found[-1].moment[:16] <= "2027-01-15T08:04"
