"""Merge a table's columns with those it should have: what may be added or relaxed, and what is rejected. Pure."""

from dataclasses import dataclass, field
from typing import Any

Field = dict[str, Any]
_LEGACY = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD", "DECIMAL": "NUMERIC"}


@dataclass
class Merged:
    """The fields to send, in the table's own order, what changes, and what would lose data."""

    fields: list[Field] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    rejections: list[str] = field(default_factory=list)


def merge_fields(known: list[Field], wanted: list[Field], path: str = "") -> Merged:
    """Merge a table's fields with the wanted fields. Names ignore case, as in BigQuery."""
    merged = Merged()
    by_name = {item["name"].lower(): item for item in wanted}
    for item in known:
        new = by_name.pop(item["name"].lower(), None)
        if new is None:
            merged.rejections.append(f"column {path}{item['name']} is in the table but no longer in the models")
            merged.fields.append(item)
        else:
            merged.fields.append(_merge(item, new, path, merged))
    for new in by_name.values():
        if _mode(new) == "REQUIRED":
            merged.rejections.append(f"column {path}{new['name']} is required, but existing rows have no value for it")
        else:
            merged.details.append(f"add column {path}{new['name']} {_shown(new)}")
            merged.fields.append(new)
    return merged


def _merge(known: Field, wanted: Field, path: str, merged: Merged) -> Field:
    name = f"{path}{known['name']}"
    if _type(known) != _type(wanted):
        merged.rejections.append(f"column {name} changes its type from {_type(known)} to {_type(wanted)}")
        return known
    before, after = _mode(known), _mode(wanted)
    if before != after and (before, after) != ("REQUIRED", "NULLABLE"):
        merged.rejections.append(f"column {name} changes its mode from {before} to {after}")
        return known
    result = {**known, "mode": after}
    if before != after:
        merged.details.append(f"column {name} is no longer required")
    for key in ("description", "policyTags"):
        # A column that is wanted without a policy tag keeps the existing tag: protection is never removed silently.
        if key in wanted and known.get(key) != wanted[key]:
            result[key] = wanted[key]
            merged.details.append(f"{'description' if key == 'description' else 'policy tag'} of column {name}")
    if "fields" in wanted:
        inner = merge_fields(known.get("fields", []), wanted["fields"], f"{name}.")
        result["fields"] = inner.fields
        merged.details += inner.details
        merged.rejections += inner.rejections
    return result


def _type(item: Field) -> str:
    name = str(item["type"]).upper()
    return _LEGACY.get(name, name)


def _mode(item: Field) -> str:
    return str(item.get("mode") or "NULLABLE").upper()


def _shown(item: Field) -> str:
    return f"{_type(item)} REPEATED" if _mode(item) == "REPEATED" else _type(item)
