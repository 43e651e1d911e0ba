"""Which roles somebody must have, and which nobody has."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_core.domain.process_roles import (
    ALL_ROLES,
    MEANWHILE,
    MISSING_AFTER,
    ProcessRole,
    describe_missing,
    expected_roles,
    missing_roles,
    partly_missing,
    role_events,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEB, WORKER, BOT, SCHEDULER = ProcessRole
SEEN = dict.fromkeys(ProcessRole, NOON)


def without(*roles):
    return {role: at for role, at in SEEN.items() if role not in roles}


@pytest.mark.parametrize(
    ("given", "unused"),
    [((True, True), set()), ((False, True), {WEB}), ((True, False), {BOT})],
)
def test_what_is_not_set_up_needs_nobody(given, unused):
    takes_webhooks, has_slack = given
    found = expected_roles(takes_webhooks=takes_webhooks, has_slack=has_slack)
    assert found == ALL_ROLES - unused


@pytest.mark.parametrize(
    ("seen", "age", "missing"),
    [
        (SEEN, timedelta(0), []),
        (SEEN, MISSING_AFTER - timedelta(seconds=1), []),
        (SEEN, MISSING_AFTER, [WEB, WORKER, BOT, SCHEDULER]),
        (without(SCHEDULER), timedelta(0), [SCHEDULER]),
        ({}, timedelta(0), list(ProcessRole)),
    ],
)
def test_a_role_without_a_sign_of_life_is_missing(seen, age, missing):
    assert missing_roles(ALL_ROLES, seen, NOON + age) == missing


def test_whoever_has_just_begun_to_look_waits_before_it_says_so():
    """After a night when all was down, the first process finds four old signs."""
    soon = MISSING_AFTER - timedelta(seconds=1)
    assert missing_roles(ALL_ROLES, {}, NOON + soon, since=NOON) == []
    assert missing_roles({BOT}, {}, NOON + MISSING_AFTER, since=NOON) == [BOT]


def test_where_nothing_runs_no_role_is_named():
    assert partly_missing(ALL_ROLES, {}, NOON) == []
    assert partly_missing(ALL_ROLES, without(WORKER), NOON) == [WORKER]


def test_a_role_is_told_as_missing_and_as_back():
    events = role_events({BOT, SCHEDULER}, [SCHEDULER])
    assert [(each.subject, each.resolved) for each in events] == [
        ("role:bot", True),
        ("role:scheduler", False),
    ]


def test_it_is_said_of_each_what_does_not_happen():
    assert set(MEANWHILE) == ALL_ROLES
    assert describe_missing(WORKER) == "No worker is running: nothing is synced; webhooks are kept."
