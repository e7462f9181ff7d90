"""Plan changes of the stores: create, change, keep, or reject what would lose data. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from pipelines.stores.provision.fields import merge_fields
from pipelines.stores.provision.resources import DAY_MS, Body, Resource, Settings


class Action(Enum):
    """The action on one resource; the value marks it in a printed plan."""

    CREATE = "+"
    CHANGE = "~"
    KEEP = "="
    REJECT = "!"


@dataclass(frozen=True)
class Step:
    """The step of one resource: the reasons, and the body to send with the keys that change."""

    action: Action
    resource: Resource
    details: tuple[str, ...] = ()
    body: Body | None = None
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.action.value} {self.resource.kind:8} {self.resource.name}"
        return f"{head}: {'; '.join(self.details)}" if self.details else head


@dataclass(frozen=True)
class Plan:
    """All steps, in the order of execution."""

    steps: tuple[Step, ...]

    def of(self, action: Action) -> list[Step]:
        """Return the steps of one action."""
        return [step for step in self.steps if step.action is action]

    @property
    def rejected(self) -> bool:
        """Whether any step would lose data, so that none is executed."""
        return bool(self.of(Action.REJECT))

    @property
    def unchanged(self) -> bool:
        """Whether no resource changes."""
        return all(step.action is Action.KEEP for step in self.steps)

    def __str__(self) -> str:
        lines = [str(step) for step in self.steps if step.action is not Action.KEEP]
        counts = ", ".join(f"{len(self.of(action))} {action.name.lower()}" for action in Action)
        return "\n".join([*lines, f"plan: {counts}"])


def make_plan(resources: Iterable[Resource], existing: Mapping[tuple[str, str], Body], settings: Settings) -> Plan:
    """Return the plan; `existing` has the REST bodies of the existing resources by (kind, name)."""
    return Plan(tuple(_step(resource, existing, settings) for resource in resources))


def _step(resource: Resource, existing: Mapping[tuple[str, str], Body], settings: Settings) -> Step:
    if resource.kind == "access":
        return _access_step(resource, existing.get(("dataset", resource.body["dataset"])))
    known = existing.get((resource.kind, resource.name))
    if known is None:
        other = next((kind for kind, name in existing if name == resource.name), None)
        if other is not None:
            return Step(Action.REJECT, resource, (f"a {other} of this name exists",))
        return Step(Action.CREATE, resource, _shape(resource.body), resource.body)
    changes = _Changes(known)
    compare = {"dataset": _dataset, "table": _table, "view": _view, "function": _function}[resource.kind]
    compare(resource.body, changes, settings)
    if changes.rejections:
        return Step(Action.REJECT, resource, tuple(changes.rejections))
    if changes.changed:
        return Step(Action.CHANGE, resource, tuple(changes.details), changes.body, tuple(changes.changed))
    return Step(Action.KEEP, resource)


class _Changes:
    """The body of an existing resource and the changes to it."""

    def __init__(self, known: Body) -> None:
        self.body = dict(known)
        self.changed: list[str] = []
        self.details: list[str] = []
        self.rejections: list[str] = []

    def set(self, key: str, value: object, detail: str) -> None:
        """Set one key of the body if its value differs."""
        if self.body.get(key) != value:
            self.body[key] = value
            self.changed.append(key)
            self.details.append(detail)


def _dataset(wanted: Body, changes: _Changes, settings: Settings) -> None:
    known = changes.body
    if settings.location and known.get("location", "").upper() != settings.location.upper():
        changes.rejections.append(f"its location is {known.get('location')}, not {settings.location}")
    changes.set("description", wanted["description"], "description")
    changes.set("labels", {**known.get("labels", {}), **wanted["labels"]}, "labels")


def _table(wanted: Body, changes: _Changes, settings: Settings) -> None:
    known = changes.body
    merged = merge_fields(known.get("schema", {}).get("fields", []), wanted["schema"]["fields"])
    changes.rejections += merged.rejections
    if merged.details:
        changes.body["schema"] = {**known.get("schema", {}), "fields": merged.fields}
        changes.changed.append("schema")
        changes.details += merged.details
    changes.set("description", wanted["description"], "description")
    changes.set("clustering", wanted.get("clustering"), f"cluster by {_cluster(wanted)}, was {_cluster(known)}")
    _partitioning(wanted["timePartitioning"], changes, settings)


def _partitioning(wanted: Body, changes: _Changes, settings: Settings) -> None:
    known = changes.body.get("timePartitioning") or {}
    if (known.get("type"), known.get("field")) != (wanted["type"], wanted["field"]):
        was = f"by {known['type']} of {known.get('field', 'ingestion')}" if known else "not at all"
        changes.rejections.append(f"partitioned {was}, not by {wanted['type']} of {wanted['field']}")
        return
    if "expirationMs" not in wanted:
        return
    before, after = int(known.get("expirationMs") or 0), int(wanted["expirationMs"] or 0)
    if before == after:
        return
    detail = f"partition expiry {_days(after)}, was {_days(before)}"
    if after and (not before or after < before) and not settings.allow_shorter_expiry:
        changes.rejections.append(f"{detail}: older partitions would be deleted; --allow_shorter_expiry allows it")
        return
    changes.set("timePartitioning", {**known, "expirationMs": wanted["expirationMs"]}, detail)


def _view(wanted: Body, changes: _Changes, _settings: Settings) -> None:
    if changes.body.get("view", {}).get("query") != wanted["view"]["query"]:
        changes.set("view", wanted["view"], "query")
    changes.set("description", wanted["description"], "description")
    described = {field["name"]: field["description"] for field in wanted["schema"]["fields"]}
    known = {field["name"]: field.get("description") for field in changes.body.get("schema", {}).get("fields", [])}
    if described != known:
        changes.changed.append("schema")
        changes.details.append("descriptions of columns")


def _function(wanted: Body, changes: _Changes, _settings: Settings) -> None:
    if _arguments(wanted) != _arguments(changes.body):
        changes.set("arguments", wanted["arguments"], "arguments")
    for key, detail in (("definitionBody", "query"), ("description", "description")):
        changes.set(key, wanted[key], detail)


def _arguments(body: Body) -> list[tuple[str, str]]:
    return [(item["name"], item["dataType"]["typeKind"]) for item in body.get("arguments", [])]


def _access_step(resource: Resource, dataset: Body | None) -> Step:
    entry = resource.body["entry"]
    if dataset is not None and entry in dataset.get("access", []):
        return Step(Action.KEEP, resource)
    return Step(Action.CREATE, resource, body=resource.body)


def _shape(body: Body) -> tuple[str, ...]:
    if "timePartitioning" not in body:
        return ()
    by = body["timePartitioning"]
    columns = f"{len(body['schema']['fields'])} columns"
    return (columns, f"partitioned by {by['type']} of {by['field']}", f"clustered by {_cluster(body)}")


def _cluster(body: Body) -> str:
    return ", ".join((body.get("clustering") or {}).get("fields", [])) or "nothing"


def _days(milliseconds: int) -> str:
    return f"{milliseconds / DAY_MS:g} days" if milliseconds else "never"
