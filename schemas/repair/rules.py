"""Rules that repair dead letters, as a YAML file has them: which they match, what they do, and their own tests. Pure.

A file is accepted whole or not at all: one invalid rule, or one rule whose own test fails, rejects it. Paths, patterns and
the groups of replacements are checked here, so that applying a rule finds no mistake of its author.
"""

from typing import Annotated, Any, Literal

import jsonpatch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.message import TOPICS
from schemas.outcomes import Code
from schemas.registry import REGISTRY
from schemas.repair.json_path import parse_path, path_matches
from schemas.repair.patterns import compile_pattern, compile_template


def _path(text: str) -> str:
    parse_path(text)
    return text


def _pattern(text: str) -> str:
    compile_pattern(text)
    return text


def _code(text: str) -> str:
    if text not in Code.__members__:
        raise ValueError(f"{text} is no code")
    return text


def _topic(text: str) -> str:
    if text not in TOPICS:
        raise ValueError(f"{text} is no topic; there are {', '.join(TOPICS)}")
    return text


def _event_type(text: str) -> str:
    if REGISTRY.get(text) is None:
        raise ValueError(f"{text} is no event type")
    return text


Path = Annotated[str, AfterValidator(_path)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Put(_Strict):
    """A path and its new value. `make_parents` creates the objects on the way to it that are missing."""

    path: Path
    value: Any
    make_parents: bool = False


class At(_Strict):
    """A path."""

    path: Path


class Rename(_Strict):
    """A key and its new name beside it."""

    path: Path
    to: str = Field(min_length=1)


class Move(_Strict):
    """A path and the path that its value moves to."""

    path: Path
    to: Path

    @model_validator(mode="after")
    def _not_into_itself(self) -> "Move":
        if self.to.startswith((f"{self.path}.", f"{self.path}[")):
            raise ValueError(f"{self.path} cannot move into itself")
        return self


class Cast(_Strict):
    """A path and the type that its value becomes."""

    path: Path
    to: Literal["string", "integer", "number", "boolean"]


class Replace(_Strict):
    """A pattern (RE2) and its replacement, in a text or number at a path, or in the whole payload without one."""

    path: Path | None = None
    pattern: Annotated[str, AfterValidator(_pattern)]
    by: str = Field(alias="with")

    @model_validator(mode="after")
    def _groups_exist(self) -> "Replace":
        compile_template(self.pattern, self.by)
        return self


class Step(_Strict):
    """Exactly one thing to do."""

    put: Put | None = Field(default=None, alias="set")
    default: Put | None = None
    drop: At | None = None
    rename: Rename | None = None
    move: Move | None = None
    cast: Cast | None = None
    replace: Replace | None = None
    json_patch: Annotated[list[dict[str, Any]], Field(max_length=100)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Step":
        if len(self.model_fields_set) != 1:
            raise ValueError("a step does exactly one thing")
        if self.json_patch is not None:
            try:
                jsonpatch.JsonPatch(self.json_patch)
            except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
                raise ValueError(f"no JSON Patch: {error}") from None
        return self


class Match(_Strict):
    """Which dead letters a rule takes: an absent list takes any, `[*]` in a path stands for any index."""

    codes: list[Annotated[str, AfterValidator(_code)]] = []
    paths: list[Path] = []
    topics: list[Annotated[str, AfterValidator(_topic)]] = []
    event_types: list[Annotated[str, AfterValidator(_event_type)]] = []

    def takes(self, code: str, path: str, topic: str, event_type: str | None) -> bool:
        """Tell whether a dead letter matches."""
        return (
            (not self.codes or code in self.codes)
            and (not self.paths or any(path_matches(pattern, path) for pattern in self.paths))
            and (not self.topics or topic in self.topics)
            and (not self.event_types or event_type in self.event_types)
        )


class Example(_Strict):
    """A payload (JSON, or a text) and the expected result of the rule."""

    given: Any
    expect: Any


class Rule(_Strict):
    """One rule. `topic` sends the message to another topic (TOPIC_MISMATCH)."""

    name: str = Field(min_length=1)
    match: Match
    repair: list[Step] = []
    topic: Annotated[str, AfterValidator(_topic)] | None = None
    tests: list[Example] = Field(min_length=1)

    @model_validator(mode="after")
    def _does_something(self) -> "Rule":
        if not self.repair and self.topic is None:
            raise ValueError("a rule repairs something or names a topic")
        return self


class Rules(_Strict):
    """The rules of a file; the first that matches a dead letter repairs it."""

    rules: list[Rule] = Field(min_length=1)

    def find(self, code: str, path: str, topic: str, event_type: str | None) -> Rule | None:
        """Return the first rule that takes a dead letter."""
        return next((rule for rule in self.rules if rule.match.takes(code, path, topic, event_type)), None)
