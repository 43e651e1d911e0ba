"""Rules about JSON, put together from small ones; each yields what is wrong and where.

A rule is a function of a value and a pointer. Messages are worded as Slack words them:
`must be less than 151 characters [json-pointer:/blocks/0/text/text]`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Rule: TypeAlias = Callable[[Any, str], Iterator["Problem"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that Slack would refuse."""

    pointer: str
    code: str
    message: str
    constraint: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Return the line for `response_metadata.messages`."""
        return f"[ERROR] {self.message} [json-pointer:{self.pointer}]"


def string(most: int, least: int = 0) -> Rule:
    """Expect a string of so many characters."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield wrong_type(at, "string")
        elif len(value) > most:
            yield too_long(at, most)
        elif len(value) < least:
            yield too_short(at, least)

    return check


def like(pattern: re.Pattern[str], shape: str) -> Rule:
    """Expect a string of a shape, told in Slack's words."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield wrong_type(at, "string")
        elif not pattern.fullmatch(value):
            yield bad(at, "format", f"must have the format {shape}")

    return check


def boolean(value: Any, at: str) -> Iterator[Problem]:
    """Expect true or false."""
    if not isinstance(value, bool):
        yield wrong_type(at, "boolean")


def number(low: float | None = None, high: float | None = None, *, whole: bool = True) -> Rule:
    """Expect a number within bounds."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        right = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, right):
            yield wrong_type(at, "integer" if whole else "number")
        elif low is not None and value < low:
            yield Problem(
                pointer=at,
                code="minimum",
                message=f"must be at least {low}",
                constraint={"min": low},
            )
        elif high is not None and value > high:
            yield Problem(
                pointer=at,
                code="maximum",
                message=f"must be at most {high}",
                constraint={"max": high},
            )

    return check


def one_of(words: Collection[Any]) -> Rule:
    """Expect one of some words."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, (str, int)) or value not in words:
            yield not_one_of(at, words, value)

    return check


def list_of(rule: Rule, most: int, least: int = 0) -> Rule:
    """Expect a list of so many, each by the rule."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield wrong_type(at, "array")
            return
        if len(value) > most:
            yield too_many(at, most)
        if len(value) < least:
            yield too_few(at, least)
        for index, each in enumerate(value):
            yield from rule(each, f"{at}/{index}")

    return check


def json_object(needed: Mapping[str, Rule], optional: Mapping[str, Rule], *more: Rule) -> Rule:
    """Expect an object with these fields and no others, then by further rules."""
    fields = {**needed, **optional}

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield wrong_type(at, "object")
            return
        wrong = list(_fields(needed, fields, value, at))
        yield from wrong
        if not wrong:
            # Rules about fields together only speak once each field is right by itself.
            for rule in more:
                yield from rule(value, at)

    return check


def _fields(
    needed: Mapping[str, Rule], fields: Mapping[str, Rule], value: dict[str, Any], at: str
) -> Iterator[Problem]:
    for name in needed:
        if name not in value:
            yield missing(at, name)
    for name, each in value.items():
        if name != "type":
            yield from _field(fields, name, each, at)


def _field(fields: Mapping[str, Rule], name: str, value: Any, at: str) -> Iterator[Problem]:
    if name in fields:
        yield from fields[name](value, f"{at}/{name}")
    else:
        yield Problem(
            pointer=f"{at}/{name}",
            code="additional_property",
            message=f"invalid additional property: {name}",
            constraint={"type": "additional_property", "got": name},
        )


def typed(rules: Mapping[str, Rule]) -> Rule:
    """Expect an object whose `type` chooses the rule."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield wrong_type(at, "object")
        elif not isinstance(kind := value.get("type"), str) or kind not in rules:
            yield not_one_of(f"{at}/type", rules, kind)
        else:
            yield from rules[kind](value, at)

    return check


def exactly_one(*names: str) -> Rule:
    """Expect exactly one of some fields."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if sum(name in value for name in names) != 1:
            yield Problem(
                pointer=at,
                code="exactly_one_of",
                message=f"must have exactly one of: {', '.join(names)}",
                constraint={"type": "one_of", "expected": list(names)},
            )

    return check


def at_least_one(*names: str) -> Rule:
    """Expect one of some fields, or more."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not any(name in value for name in names):
            yield Problem(
                pointer=at,
                code="at_least_one_of",
                message=f"must have at least one of: {', '.join(names)}",
                constraint={"type": "any_of", "expected": list(names)},
            )

    return check


def wrong_type(at: str, kind: str) -> Problem:
    """Say that a value should be of another type."""
    return Problem(
        pointer=at,
        code="type",
        message=f"must provide {'an' if kind[0] in 'aeiou' else 'a'} {kind}",
        constraint={"type": "type", "expected": kind},
    )


def too_long(at: str, most: int) -> Problem:
    """Say that a text is too long."""
    return Problem(
        pointer=at,
        code="max_length",
        message=f"must be less than {most + 1} characters",
        constraint={"max_length": most},
    )


def too_short(at: str, least: int) -> Problem:
    """Say that a text is too short."""
    return Problem(
        pointer=at,
        code="min_length",
        message=f"must be more than {least - 1} characters",
        constraint={"min_length": least},
    )


def too_many(at: str, most: int) -> Problem:
    """Say that a list is too long."""
    return Problem(
        pointer=at,
        code="max_items",
        message=f"no more than {most} items allowed",
        constraint={"max_items": most},
    )


def too_few(at: str, least: int) -> Problem:
    """Say that a list is too short."""
    return Problem(
        pointer=at,
        code="min_items",
        message=f"no fewer than {least} items allowed",
        constraint={"min_items": least},
    )


def missing(at: str, name: str) -> Problem:
    """Say that a field is missing."""
    return Problem(
        pointer=at,
        code="required",
        message=f"missing required field: {name}",
        constraint={"required": name},
    )


def not_one_of(at: str, words: Collection[Any], got: Any) -> Problem:
    """Say that a word is none of those expected."""
    return Problem(
        pointer=at,
        code="enum",
        message=f"must be one of: {', '.join(sorted(map(str, words)))}",
        constraint={"type": "enum", "expected": sorted(map(str, words)), "got": got},
    )


def bad(at: str, code: str, message: str) -> Problem:
    """Say that something is wrong in its own way."""
    return Problem(pointer=at, code=code, message=message)
