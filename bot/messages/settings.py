"""Tipo's own settings: what they are and who has set them, and the form that changes them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from typing import Any

from bot.commands.requests import AlertLevel
from bot.messages.answers import LEVELS, MAX_APPROVERS_NAMED
from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    bold,
    bullets,
    context_block,
    mention_parts,
    message,
    plain_text,
)
from bot.preferences import (
    ALERTS,
    APPROVERS,
    NIGHTLY,
    QUIET,
    BotSettings,
    alerts_text,
    approvers_text,
    quiet_text,
)
from bot.text import clean, counted, is_person, mention, mrkdwn
from sync_core.domain.nights import hour_text

MAX_PEOPLE = 100  # that a field shows
ENVIRONMENT = {APPROVERS: "TIPO_SLACK__APPROVERS", NIGHTLY: "TIPO_NIGHTLY__AT"}
LABELS = {
    APPROVERS: "Approvers",
    QUIET: "Quiet hours",
    ALERTS: "Alerts",
    NIGHTLY: "Nightly comparison",
}
LISTED, CHANNEL, AS_SET = "listed", "channel", "environment"
EVERYBODY = "every member of the alert channel"
WHO, PEOPLE, QUIET_FROM, QUIET_TO = "who", "people", "quiet_from", "quiet_to"
NOT_A_TIME = "Enter a time such as 22:00."

State = Mapping[str, Any]


# -- what they are
def setting_lines(
    settings: BotSettings, zone: str, names: Iterable[str] = tuple(LABELS)
) -> list[list[Part]]:
    """Return a line for each setting: what it is, and who says so."""
    said: dict[str, list[Part]] = {
        APPROVERS: mention_parts(settings.approvers, MAX_APPROVERS_NAMED) or [EVERYBODY],
        QUIET: [_quiet(settings, zone)],
        ALERTS: [f"{settings.alerts}, {LEVELS[settings.alerts]}"],
        NIGHTLY: [f"{settings.nightly:%H:%M} ({clean(zone, 60)})"],
    }
    return [
        [bold(f"{LABELS[each]}: "), *said[each], *_separated(source(settings, each))]
        for each in names
    ]


def source(settings: BotSettings, name: str) -> str:
    """Return who has set something, or which setting says it; empty: a default."""
    if name in settings.set_by:
        return f"set by {clean(settings.set_by[name], 40)}"
    return f"from {ENVIRONMENT[name]}" if name in ENVIRONMENT else ""


def night_line(settings: BotSettings, zone: str) -> str:
    """Return when the stores are compared each night, as small print."""
    is_set = NIGHTLY in settings.set_by  # else with its underscores as they are
    by = mrkdwn(source(settings, NIGHTLY)) if is_set else f"from `{ENVIRONMENT[NIGHTLY]}`"
    return f"Compared each night at {settings.nightly:%H:%M} ({mrkdwn(zone, 60)}), {by}"


def settings_saved(*, settings: BotSettings, changed: Sequence[str], zone: str) -> Message:
    """Say what has been changed, as it is now."""
    if not changed:
        return message("Nothing was changed.")
    lines = setting_lines(settings, zone, changed)
    return message("Saved. It counts from now on.", blocks=[bullets(lines)])


def changed_meanwhile(settings: BotSettings, lost: Sequence[str]) -> str:
    """Say that somebody else has changed what this form changes, too."""
    what = " and ".join(LABELS[each].lower() for each in lost)
    by = settings.set_by.get(lost[0], "somebody")
    return (
        f"Since you opened this form {by} has changed the {what}. Nothing was saved: open the "
        "settings again."
    )


def _quiet(settings: BotSettings, zone: str) -> str:
    if settings.quiet is None:
        return "none"
    begins, ends = settings.quiet
    return f"{begins:%H:%M} to {ends:%H:%M} ({clean(zone, 60)})"


def _separated(words: str) -> list[Part]:
    return [f" \u00b7 {words}"] if words else []


# -- the form
def settings_modal(*, settings: BotSettings, zone: str, private_metadata: str) -> dict[str, Any]:
    """Return the form, filled with what is."""
    start, end = settings.quiet or (None, None)
    by_clock = clean(zone, 60)
    otherwise = f"{settings.night_of_environment:%H:%M}, as TIPO_NIGHTLY__AT says"
    night = settings.nightly if NIGHTLY in settings.set_by else None
    return {
        "type": "modal",
        "callback_id": "settings",
        "title": plain_text("Settings", 24),
        "submit": plain_text("Save", 24),
        "close": plain_text("Cancel", 24),
        "private_metadata": private_metadata,
        "blocks": [
            _field(WHO, "Who can approve", _who(settings), _set(settings, APPROVERS)),
            _field(PEOPLE, "People", _people(settings), optional=True),
            *_kept_line(settings),
            _field(
                QUIET_FROM, f"Quiet hours from ({by_clock})", _clock(start, "None"), optional=True
            ),
            _field(
                QUIET_TO,
                f"Quiet hours until ({by_clock})",
                _clock(end, "None"),
                f"Only critical alerts are posted then. Leave both empty for none. "
                f"{_set(settings, QUIET)}",
                optional=True,
            ),
            _field(ALERTS, "Alerts in the channel", _levels(settings), _set(settings, ALERTS)),
            _field(
                NIGHTLY,
                f"Nightly comparison at ({by_clock})",
                _clock(night, otherwise),
                f"Empty: {otherwise}. {_set(settings, NIGHTLY)}",
                optional=True,
            ),
        ],
    }


def _set(settings: BotSettings, name: str) -> str:
    """Return who has set something, or which setting says it; a sentence, or nothing."""
    if name == NIGHTLY and name not in settings.set_by:
        return ""  # the hint has said it
    words = source(settings, name)
    return f"Now {words}." if words else ""


def _field(
    name: str, label: str, element: Block, hint: str = "", *, optional: bool = False
) -> Block:
    made: Block = {
        "type": "input",
        "block_id": name,
        "label": plain_text(label, 150),
        "element": {**element, "action_id": name},
    }
    if optional:
        made["optional"] = True
    return {**made, "hint": plain_text(hint.strip(), 300)} if hint.strip() else made


def _who(settings: BotSettings) -> Block:
    named = len(settings.named_by_environment)
    says = counted(named, "person or group", "people or groups") if named else EVERYBODY
    options = {
        LISTED: "The people named below",
        CHANNEL: EVERYBODY.capitalize(),
        AS_SET: f"As TIPO_SLACK__APPROVERS says: {says}",
    }
    return _radio(options, _chosen(settings))


def _chosen(settings: BotSettings) -> str:
    if APPROVERS not in settings.set_by:
        return AS_SET
    return LISTED if settings.approvers else CHANNEL


def _radio(options: Mapping[str, str], chosen: str, says: Mapping[str, str] | None = None) -> Block:
    made = [
        {
            "text": plain_text(words),
            "value": value,
            **({"description": plain_text(says[value])} if says else {}),
        }
        for value, words in options.items()
    ]
    first = next(each for each in made if each["value"] == chosen)
    return {"type": "radio_buttons", "options": made, "initial_option": first}


def _levels(settings: BotSettings) -> Block:
    options = {each.value: each.value.capitalize() for each in AlertLevel}
    return _radio(options, settings.alerts.value, LEVELS)


def _people(settings: BotSettings) -> Block:
    known = _shown(settings.approvers)
    made: Block = {"type": "multi_users_select", "placeholder": plain_text("Choose people")}
    return {**made, "initial_users": known} if known else made


def _clock(at: time | None, placeholder: str) -> Block:
    made: Block = {"type": "timepicker", "placeholder": plain_text(placeholder, 150)}
    return made if at is None else {**made, "initial_time": f"{at:%H:%M}"}


def _shown(listed: Sequence[str]) -> list[str]:
    """Return whom the field of people shows; it takes no user groups."""
    return [each for each in dict.fromkeys(listed) if is_person(each)][:MAX_PEOPLE]


def _kept(listed: Sequence[str]) -> list[str]:
    """Return what stays on the list whatever the field of people says."""
    shown = set(_shown(listed))
    return [each for each in listed if each not in shown]


def _kept_line(settings: BotSettings) -> list[Block]:
    kept = _kept(settings.approvers)
    if not kept:
        return []
    names = ", ".join(map(mention, kept[:MAX_APPROVERS_NAMED]))
    return [context_block(f"Named, too: {names}. Change user groups by `/tipo approvers`.")]


# -- what was entered
def settings_errors(state: State, listed: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with what was entered, by block; nothing if it may be saved.

    `listed` are the approvers from whom the form was made.
    """
    found: dict[str, str] = {}
    people = _entered(state, PEOPLE, "selected_users") or []
    who = _option(state, WHO)
    if who not in {LISTED, CHANNEL, AS_SET}:
        found[WHO] = "Choose one of these."
    elif who == LISTED and not people and not _kept(listed):
        found[PEOPLE] = "Name at least one person, or choose another answer above."
    elif who != LISTED and sorted(people) != sorted(_shown(listed)):
        found[WHO] = "To change the people, choose “The people named below”."
    found |= _quiet_errors(state)
    if _option(state, ALERTS) not in set(AlertLevel):
        found[ALERTS] = "Choose one of these."
    if _is_no_time(state, NIGHTLY):
        found[NIGHTLY] = NOT_A_TIME
    return found


def _quiet_errors(state: State) -> dict[str, str]:
    if wrong := {each: NOT_A_TIME for each in (QUIET_FROM, QUIET_TO) if _is_no_time(state, each)}:
        return wrong
    begins, ends = _time(state, QUIET_FROM), _time(state, QUIET_TO)
    if (begins is None) != (ends is None):
        empty = QUIET_FROM if begins is None else QUIET_TO
        return {empty: "Set both times, or clear both for no quiet hours."}
    if begins is not None and begins == ends:
        return {QUIET_TO: "Quiet hours must begin and end at different times."}
    return {}


def read_approvers(state: State, listed: Sequence[str]) -> list[str] | None:
    """Return the list of approvers as entered; None leaves it to the environment."""
    who = _option(state, WHO)
    if who == LISTED:
        people = _entered(state, PEOPLE, "selected_users") or []
        return [*dict.fromkeys([*people, *_kept(listed)])]
    return [] if who == CHANNEL else None


def read_settings(state: State, listed: Sequence[str]) -> dict[str, str]:
    """Return each setting as entered, as it is kept; `listed` as for `settings_errors`."""
    entered = read_approvers(state, listed)
    begins, ends = _time(state, QUIET_FROM), _time(state, QUIET_TO)
    return {
        APPROVERS: approvers_text(None if entered is None else sorted(entered)),
        QUIET: quiet_text(None if begins is None or ends is None else (begins, ends)),
        ALERTS: alerts_text(AlertLevel(_option(state, ALERTS))),
        NIGHTLY: hour_text(_time(state, NIGHTLY)),
    }


def _entered(state: State, block: str, field: str) -> Any:
    return ((state.get(block) or {}).get(block) or {}).get(field)


def _option(state: State, block: str) -> str:
    return f"{(_entered(state, block, 'selected_option') or {}).get('value')}"


def _time(state: State, block: str) -> time | None:
    entered = _entered(state, block, "selected_time")
    try:
        return time.fromisoformat(entered) if entered else None
    except ValueError:
        return None


def _is_no_time(state: State, block: str) -> bool:
    entered = _entered(state, block, "selected_time")
    return bool(entered) and _time(state, block) is None
