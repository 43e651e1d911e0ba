"""Steps: what can be done in the playground, each as a short text that fits into an address.

    sell~us~SFDJ-M~5         a customer buys       edit~eu~SFDJ-M~40       staff set a quantity
    restock~eu~SFDJ-M~10     a delivery arrives    refund~us~SFDJ-M~2      of the last order
    lost~us~on, doubled~…    webhooks in trouble   down~us~on, denied~…    a store in trouble
    heal                     no more trouble       second~on               another Tipo starts
    type~ann~/tipo check     in Slack              click~ann~decide_all    the newest such button
    begin~SFDJ-M~50          50 in both stores     shows~SFDJ-M~45         wait for 45 in both
    reads~oversold           wait for a message    wait~2                  seconds
    night                    the nightly compare

Steps that happen at the same moment are joined by `+`, others by `,`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

MAX_STEPS = 80  # that an address may hold
MAX_UNITS = 999
WHOLE = re.compile("-?[0-9]{1,10}")
TROUBLES: Mapping[str, str] = {
    "lost": "Webhooks are lost",
    "doubled": "Webhooks come twice",
    "late": "Webhooks are late",
    "down": "The store is down",
    "denied": "The token is withdrawn",
}
ENDS: Mapping[str, str] = {
    "lost": "Webhooks arrive again",
    "doubled": "Webhooks come once again",
    "late": "Webhooks are on time again",
    "down": "The store is up again",
    "denied": "The token works again",
}
ALIASES = ("eu", "us")
PEOPLE = ("ann", "bob")


class BadStep(ValueError):
    """A step that there is not; says which."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    verb: str
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as it stands in an address."""
        return "~".join((self.verb, *self.args))


Moment = tuple[Step, ...]  # what happens at once


def _store(text: str) -> bool:
    return text in ALIASES


def _person(text: str) -> bool:
    return text in PEOPLE


def is_whole(text: str, low: int, high: int) -> bool:
    """Whether a text is a whole number from one to another."""
    return WHOLE.fullmatch(text) is not None and low <= int(text) <= high


def _number(text: str) -> bool:
    return is_whole(text, -MAX_UNITS, MAX_UNITS)


def _units(text: str) -> bool:
    return is_whole(text, 1, MAX_UNITS)


def _seconds(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and float(text) <= 60  # noqa: PLR2004


def _switch(text: str) -> bool:
    return text in {"on", "off"}


def _any(text: str) -> bool:
    return 0 < len(text) <= 300  # noqa: PLR2004


Check = Callable[[str], bool]
NEEDED: Mapping[Check, str] = {
    _store: f"a store: {' or '.join(ALIASES)}",
    _person: f"somebody of the team: {' or '.join(PEOPLE)}",
    _number: f"a whole number up to {MAX_UNITS}",
    _units: f"a whole number from 1 to {MAX_UNITS}",
    _seconds: "up to 60 seconds",
    _switch: "on or off",
    _any: "some words",
}
VERBS: Mapping[str, tuple[Check, ...]] = {
    "sell": (_store, _any, _units),
    "restock": (_store, _any, _units),
    "edit": (_store, _any, _number),
    "refund": (_store, _any, _units),
    **dict.fromkeys(TROUBLES, (_store, _switch)),
    "heal": (),
    "second": (_switch,),
    "type": (_person, _any),
    "click": (_person, _any),
    "begin": (_any, _units),
    "shows": (_any, _number),
    "reads": (_any,),
    "wait": (_seconds,),
    "night": (),
}


def parse_step(text: str) -> Step:
    """Return a step.

    Raises:
        BadStep: If there is no such step.
    """
    verb, *args = text.split("~")
    checks = VERBS.get(verb)
    if checks is None or len(args) != len(checks):
        raise BadStep(f"There is no step {text[:80]!r}.")
    for check, each in zip(checks, args, strict=True):
        if not check(each):
            raise BadStep(f"{verb} needs {NEEDED[check]}, not {each[:80]!r}.")
    return Step(verb, tuple(args))


def parse(text: str) -> tuple[Moment, ...]:
    """Return the steps that an address holds.

    Raises:
        BadStep: If one of them does not exist, or there are too many.
    """
    moments = [each for each in text.split(",") if each]
    if len(moments) > MAX_STEPS:
        raise BadStep(f"An address holds at most {MAX_STEPS} steps; these are {len(moments)}.")
    return tuple(tuple(parse_step(each) for each in one.split("+")) for one in moments)


def unparse(moments: Iterable[Moment]) -> str:
    """Return steps as an address holds them."""
    return ",".join("+".join(map(str, each)) for each in moments)


def describe(moment: Moment) -> str:
    """Return what happens at a moment, in words."""
    return " · ".join(_words(each) for each in moment)


WORDS: Mapping[str, str] = {
    "sell": "{2} sold in {0}",
    "restock": "{2} restocked in {0}",
    "edit": "{0} set to {2} by staff",
    "refund": "{2} refunded and restocked in {0}",
    "heal": "No more trouble",
    "type": "{0} types {1}",
    "begin": "Both stores start with {1}",
    "shows": "Both stores show {1}",
    "reads": "Slack says “{0}”",
    "wait": "Wait {0} s",
    "night": "The night comes: Tipo compares both stores",
}


def _words(step: Step) -> str:
    args = [each.upper() if each in ALIASES else each for each in step.args]
    match step.verb:
        case "second":
            return "A second Tipo starts" if args == ["on"] else "The second Tipo stops"
        case "click":
            return f"{args[0]} clicks {CLICKS.get(args[1], args[1])}"
        case verb if verb in TROUBLES:
            words = TROUBLES[verb] if args[1] == "on" else ENDS[verb]
            return f"{args[0]}: {words[0].lower()}{words[1:]}"
    return WORDS[step.verb].format(*args)


CLICKS: Mapping[str, str] = {"decide_all": "Approve all safe"}
