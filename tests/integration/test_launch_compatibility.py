"""Changes of a running job: renamed, changed and removed steps are rejected by name, an added sink is accepted."""

from collections.abc import Callable

import apache_beam as beam
import pytest
from apache_beam.coders import BytesCoder, StrUtf8Coder, VarIntCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import FixedWindows

from pipelines.dataflow.compatibility import Step, _differences, full_mapping, incompatible


class Remember(beam.DoFn):
    SEEN = BagStateSpec("seen", VarIntCoder())
    CLEAR = TimerSpec("clear", TimeDomain.WATERMARK)

    def process(self, element, seen=beam.DoFn.StateParam(SEEN), clear=beam.DoFn.TimerParam(CLEAR)):
        yield element

    @on_timer(CLEAR)
    def cleared(self):
        pass


class RememberBytes(beam.DoFn):
    SEEN = BagStateSpec("seen", BytesCoder())
    CLEAR = TimerSpec("clear", TimeDomain.WATERMARK)

    def process(self, element, seen=beam.DoFn.StateParam(SEEN), clear=beam.DoFn.TimerParam(CLEAR)):
        yield element

    @on_timer(CLEAR)
    def cleared(self):
        pass


class RememberOne(beam.DoFn):
    NEWEST = ReadModifyWriteStateSpec("newest", StrUtf8Coder())

    def process(self, element, newest=beam.DoFn.StateParam(NEWEST)):
        yield element


class Parse(beam.PTransform):
    def expand(self, pcoll):
        return pcoll | "Pair" >> beam.Map(lambda x: (x, 1)).with_output_types(tuple[int, int])


def graph(parse="Parse", value=int, remember: type[beam.DoFn] = Remember, window=60, sink=False, last=True):
    pipeline = beam.Pipeline()
    pairs = (
        pipeline
        | "Read" >> beam.Create([1], reshuffle=False)
        | parse >> Parse()
        | "Window" >> beam.WindowInto(FixedWindows(window))
    )
    out = pairs | "Remember" >> beam.ParDo(remember()).with_output_types(tuple[int, value])
    if last:
        _ = out | "Write" >> beam.Map(lambda x: None).with_output_types(type(None))
    if sink:
        _ = out | "WriteAgain" >> beam.Map(lambda x: None).with_output_types(type(None))
    return pipeline.to_runner_api()


REJECTED: dict[str, tuple[Callable[[], object], list[str]]] = {
    "a renamed label": (lambda: graph(parse="Decode"), ["Parse/Pair", "the step is missing"]),
    "a removed step": (lambda: graph(last=False), ["Write: the step is missing"]),
    "a changed coder": (lambda: graph(value=str), ["Remember", "the coder of output"]),
    "a changed window": (lambda: graph(window=61), ["Window", "the windows of output"]),
    "a changed state coder": (lambda: graph(remember=RememberBytes), ["Remember", "state seen changed"]),
    "a renamed state": (lambda: graph(remember=RememberOne), ["Remember", "state seen is gone"]),
}


@pytest.mark.parametrize("change", REJECTED)
def test_a_change_that_loses_state_is_rejected_and_names_the_step(change):
    make, words = REJECTED[change]
    problems = incompatible(graph(), make())
    assert problems
    assert all(any(word in problem for problem in problems) for word in words), problems


@pytest.mark.parametrize("new", [graph, lambda: graph(sink=True)], ids=["the same graph", "an added sink"])
def test_what_keeps_every_step_passes(new):
    assert incompatible(graph(), new()) == []


def test_a_renamed_step_passes_with_a_mapping_of_what_holds_it():
    assert incompatible(graph(), graph(parse="Decode"), {"Parse": "Decode"}) == []
    mapping = full_mapping(graph(), {"Parse": "Decode"})
    assert set(mapping) == {name for name in mapping if name.startswith("Parse/")}
    assert all(new.startswith("Decode/") for new in mapping.values())


def test_a_removed_step_passes_where_it_is_given_up_by_name():
    assert incompatible(graph(), graph(last=False), {"Write": ""}) == []
    assert full_mapping(graph(), {"Parse": ""}) == dict.fromkeys(full_mapping(graph(), {"Parse": "Decode"}), "")


def test_a_state_of_another_layout_is_named_with_both_versions():
    old, new = (
        Step("s", state={"watch_v1": ("x",), "log": ("x",)}),
        Step("s", state={"watch_v2": ("x",), "log_v1": ("x",)}),
    )
    assert list(_differences(old, new)) == [
        "state watch_v1 is gone: it has layout version 1, this version reads 2; drain the job",
        "state log is gone: it has layout version none, this version reads 1; drain the job",
    ]
    assert list(_differences(Step("s", state={"a": ("x",)}), Step("s"))) == ["state a is gone"]
