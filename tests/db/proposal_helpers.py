"""Findings, proposals and people for the tests of what is decided, and several threads at once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count as counting
from threading import Barrier

from sync_core.db.database import SqlDatabase
from sync_core.domain.proposals import Choice, Option, Person, ProposalKind
from sync_core.domain.values import Event
from sync_core.ports import DecisionRecord, Draft
from tests.db.conftest import NOON, after

ANN = Person(team="T1", id="U1", name="ann")
BOB = Person(team="T1", id="U2", name="bob")
TOKENS = counting()
OPTIONS = (Option(choice=Choice.USE_SOURCE, words="Use eu: 50", target=50),)


def signed(by=ANN, choice=Choice.USE_SOURCE, **rest):
    """Return who decides."""
    return DecisionRecord(
        **{"kind": ProposalKind.FIX, "choice": choice, "by": by, "rule": "x", **rest}
    )


def find(database, subject="level:2", kind="differs"):
    """Open a finding; return its number."""

    def work(tx):
        tx.notifications.notify([Event(kind=kind, subject=subject)], now=NOON)
        return tx.findings.on([subject])[0].id

    return database.run(work)


def propose(database, *findings, report=None, until=3600, kind=ProposalKind.FIX, at=NOON, **facts):
    """Keep a proposal about each finding; return their numbers."""
    drafts = [
        (Draft(kind=kind, finding=each, options=OPTIONS, **facts), f"token {next(TOKENS)}")
        for each in findings
    ]
    return database.run(
        lambda tx: tx.proposals.propose(drafts, report=report, now=at, expires_at=after(until))
    )


def decide(database, *numbers, by=ANN, choice=Choice.USE_SOURCE, at=1, **rest):
    """Decide these proposals; return the receipt and how many."""
    choices = dict.fromkeys(numbers, (choice, None))
    return database.run(
        lambda tx: tx.proposals.decide(signed(by, choice, **rest), choices, now=after(at))
    )


def states(database, *numbers):
    """Return the states of these proposals."""
    return [database.run(lambda tx, n=n: tx.proposals.get(n)).state for n in numbers]


def at_once(url, count, work):
    """Run a coroutine function in so many threads, each with a database of its own."""
    start = Barrier(count)

    def one(number):
        with closing(SqlDatabase(url)) as database:
            database.run(lambda tx: tx.settings.get("warm"))
            start.wait(20)
            return asyncio.run(work(database, number))

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
