"""Change and make frozen values without their generated `__init__`, which sets field by field.

A level has 33 fields, and a sale makes some ten levels: `dataclasses.replace` took two thirds of
the time that accounting takes. Values without slots keep their fields in a dictionary, so that a
changed copy is a copy of that. Types are checked as those of `dataclasses.replace`.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414 - mypy knows the fields by it
else:

    def replace(value: T, /, **changes: object) -> T:
        """Return a copy of a frozen value with some fields changed; mypy looks at the names."""
        try:
            fields = value.__dict__
        except AttributeError:  # it has slots
            return dataclasses.replace(value, **changes)
        made = object.__new__(type(value))
        made.__dict__.update(fields, **changes)
        return made


def made_of(kind: type[T], fields: Mapping[str, Any]) -> T:
    """Return a value of a class without slots that has all of these fields, and no defaults."""
    made = object.__new__(kind)
    vars(made).update(fields)
    return made
