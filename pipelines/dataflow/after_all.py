"""Run a function once, after every other step of a batch pipeline: a template launch does not wait for its job."""

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.transforms.window import GlobalWindows


def finish(pipeline: beam.Pipeline, label: str, then: Callable[[], None]) -> None:
    """Call `then` in a worker when all steps already in the pipeline are done.

    A runner may retry it: `then` must be idempotent.
    """
    waits = [
        leaf
        | f"{label}{number}" >> beam.ParDo(_nothing)
        | f"{label}{number}Unwindow" >> beam.WindowInto(GlobalWindows())
        for number, leaf in enumerate(_leaves(pipeline))
    ]
    after = [beam.pvalue.AsIter(waits | f"{label}All" >> beam.Flatten())] if waits else []
    _ = pipeline | f"{label}Once" >> beam.Impulse() | label >> beam.ParDo(_ThenFn(then), *after)


def _leaves(pipeline: beam.Pipeline) -> list[beam.PCollection[Any]]:
    """Return the collections that no step reads."""
    seen = _Seen()
    pipeline.visit(seen)
    return [made for made in seen.made if made not in seen.read]


class _Seen(PipelineVisitor):
    def __init__(self) -> None:
        self.made: list[beam.PCollection[Any]] = []
        self.read: set[beam.PCollection[Any]] = set()

    def visit_transform(self, node: AppliedPTransform) -> None:
        self.made += [
            output
            for output in node.outputs.values()
            if isinstance(output, beam.PCollection) and output not in self.made
        ]
        self.read.update(value for value in node.inputs if isinstance(value, beam.PCollection))
        self.read.update(side.pvalue for side in node.side_inputs)


def _nothing(_element: Any) -> Iterator[int]:
    return iter(())


class _ThenFn(beam.DoFn):
    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def process(self, element: bytes, after: Any = ()) -> None:
        for _ in after:  # reads the side input: it is there when everything before has ended
            pass
        self._then()
