"""`tipo status` says how things stand, in the words that Slack has, too."""

from dataclasses import replace

import pytest

from sync_core.cli.status import headline
from tests.unit.test_sync_status import FINE, MAKES, NOON, SOURCE, STOP, store

OFF = "uk isn't connected yet. Turn it on with `tipo mode two-way uk`."
STOPPED = (
    "Safety stop: 25 products changed at once in eu with no matching orders, 150 units, since "
    "2026-11-23 12:00 UTC. Updates stopped: 3 to us; 22 had already reached us. ann is on it. "
    "`tipo safety-stop` lists the products and lets you decide."
)
STOP_OF_25 = replace(STOP, stopped={"us": 3}, reached={"us": 22}, investigated_by="ann")
PAUSED = "Writing is paused (ann). Changes are counted, and written after `tipo resume`."


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ["eu, us are in sync."]),
        ({"breakers": (STOP_OF_25,)}, [STOPPED]),
        (
            {"breakers": (STOP_OF_25,), "paused": "ann"},
            [STOPPED, PAUSED],
        ),
        ({"stores": (SOURCE, store("us"), store("uk", "off"))}, ["eu, us are in sync.", OFF]),
        (
            MAKES["off"],
            ["us isn't connected yet. Turn it on with `tipo mode two-way`."],
        ),
        (
            MAKES["cant_update"],
            ["Can't update eu: no token. Changes are queued; none are lost. See `tipo doctor`."],
        ),
        (MAKES["nothing_matched"], ["No product matches between the stores."]),
        ({"unhandled": 1}, ["1 change is pending."]),
        ({"findings": 1}, ["1 mismatch needs a decision: `tipo check` lists them."]),
        ({"oversold": 2}, ["2 products oversold."]),
    ],
)
def test_status_says_the_worst_first_and_what_else_must_be_known(given, told):
    """A person who wonders why nothing is written looks here first."""
    assert headline(replace(FINE, **given), NOON, serving=True, compared=True) == told


def test_a_safety_stop_is_told_also_while_nothing_runs():
    stopped = replace(FINE, breakers=(STOP_OF_25,))
    said = headline(stopped, NOON, serving=False, compared=True)
    assert said == ["`tipo serve` isn't running: last seen 0 s ago.", STOPPED]


def test_nothing_is_in_sync_before_it_was_compared():
    [said] = headline(FINE, NOON, serving=True, compared=False)
    assert said == "Changes are synced, but the stores haven't been compared yet."
