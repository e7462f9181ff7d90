"""Decide whether a running streaming job can be updated to a new graph: steps by name, their coders, their state. Pure.

Dataflow keeps in-flight data and state by step name and reads it with the step's coders. A step that is missing in the new
graph, or whose encoding changed, loses its data. New steps begin empty.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2 as api

Shape = tuple[object, ...]
GIVEN_UP = ""
"""Dataflow's value in a name mapping for a step that is dropped on purpose, with its data."""


@dataclass
class Step:
    """What must stay equal in one step: the coders of its outputs by tag, its state and its timers."""

    name: str
    outputs: dict[str, Shape] = field(default_factory=dict)
    windows: dict[str, bytes] = field(default_factory=dict)
    state: dict[str, Shape] = field(default_factory=dict)
    timers: dict[str, Shape] = field(default_factory=dict)


def steps_of(pipeline: api.Pipeline) -> dict[str, Step]:
    """Return the steps that execute, by full name."""
    components = pipeline.components
    found: dict[str, Step] = {}
    for transform in components.transforms.values():
        if transform.subtransforms or not transform.spec.urn:
            continue
        step = Step(transform.unique_name)
        for tag, name in transform.outputs.items():
            collection = components.pcollections[name]
            step.outputs[tag] = coder_shape(components, collection.coder_id)
            step.windows[tag] = _window(components, collection.windowing_strategy_id)
        if transform.spec.urn == common_urns.primitives.PAR_DO.urn:
            payload = api.ParDoPayload.FromString(transform.spec.payload)
            step.state = {name: _state_shape(components, spec) for name, spec in payload.state_specs.items()}
            step.timers = {
                name: (spec.time_domain, coder_shape(components, spec.timer_family_coder_id))
                for name, spec in payload.timer_family_specs.items()
            }
        found[step.name] = step
    return found


def coder_shape(components: api.Components, coder_id: str) -> Shape:
    """Return a coder as a value that is equal if the encodings are equal."""
    coder = components.coders[coder_id]
    return (
        coder.spec.urn,
        coder.spec.payload,
        *(coder_shape(components, coder_id) for coder_id in coder.component_coder_ids),
    )


def incompatible(old: api.Pipeline, new: api.Pipeline, renamed: Mapping[str, str] | None = None) -> list[str]:
    """Return why the new graph cannot replace the old one, one line per step; empty if it can."""
    after = steps_of(new)
    names = full_mapping(old, renamed or {})
    problems: list[str] = []
    for name, step in steps_of(old).items():
        wanted = names.get(name, name)
        if wanted == GIVEN_UP:
            continue
        if wanted not in after:
            problems.append(f"{name}: the step is missing; map it with --transform_name_mapping, or drain the job")
            continue
        problems += (f"{name}: {problem}" for problem in _differences(step, after[wanted]))
    return problems


def full_mapping(old: api.Pipeline, renamed: Mapping[str, str]) -> dict[str, str]:
    """Return old name to new name of every step that the mapping renames or drops, also by the name of an enclosing step."""
    mapping: dict[str, str] = {}
    for name in steps_of(old):
        for before in sorted(renamed, key=len, reverse=True):
            if name == before or name.startswith(before + "/"):
                mapping[name] = renamed[before] + name[len(before) :] if renamed[before] else GIVEN_UP
                break
    return mapping


def _differences(old: Step, new: Step) -> Iterator[str]:
    for tag, shape in old.outputs.items():
        if tag not in new.outputs:
            yield f"output {tag} is gone"
        elif new.outputs[tag] != shape:
            yield f"the coder of output {tag} changed"
        elif new.windows[tag] != old.windows[tag]:
            yield f"the windows of output {tag} changed"
    for kind, before, after in (("state", old.state, new.state), ("timer", old.timers, new.timers)):
        for name, what in before.items():
            if name not in after:
                yield f"{kind} {name} is gone{_layout_hint(name, after)}"
            elif after[name] != what:
                yield f"{kind} {name} changed"


def _layout_hint(name: str, after: Mapping[str, Shape]) -> str:
    """Name the layout version that this version reads, if the state exists under another one (transforms/state_layout.py)."""
    plain, _, version = name.partition("_v")
    known = next((other for other in after if other.partition("_v")[0] == plain), None)
    if known is None:
        return ""
    return f": it has layout version {version or 'none'}, this version reads {known.partition('_v')[2]}; drain the job"


def _window(components: api.Components, name: str) -> bytes:
    strategy = api.WindowingStrategy()
    strategy.CopyFrom(components.windowing_strategies[name])
    strategy.window_coder_id = strategy.environment_id = ""
    return bytes(strategy.SerializeToString(deterministic=True))


def _state_shape(components: api.Components, spec: api.StateSpec) -> Shape:
    kind = spec.WhichOneof("spec")
    inner = getattr(spec, kind)
    coders = [
        coder_shape(components, getattr(inner, name))
        for name in ("coder_id", "element_coder_id", "key_coder_id", "value_coder_id", "accumulator_coder_id")
        if getattr(inner, name, "")
    ]
    return (kind, *coders)
