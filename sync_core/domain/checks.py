"""One thing that has to be right, and how it went: what `tipo doctor` says."""

from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked, how it went, and what to do next."""

    about: str
    state: CheckState
    says: str
    then: str = ""


def ok(about: str, says: str) -> Check:
    """Return good news."""
    return Check(about, CheckState.OK, says)


def warn(about: str, says: str, then: str) -> Check:
    """Return what works, but not as well as it could."""
    return Check(about, CheckState.WARN, says, then)


def fail(about: str, says: str, then: str) -> Check:
    """Return what does not work."""
    return Check(about, CheckState.FAIL, says, then)
