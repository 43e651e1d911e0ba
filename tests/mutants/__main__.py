"""Break each rule on purpose, in a copy, and say which test notices first. `make mutants`.

The tests that a mutant names are asked first, then those that are called as the broken module is,
then the suites: the quick ones first, the simulation last. `--suites simulation` says what the
simulation alone notices. What it cannot see (a rule that another one heals) must have a test of its
own. A mutant on which a suite does not come to an end is killed by the clock. Exit code 1 if a
mutant survives.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tests.say import say

ROOT = Path(__file__).parents[2]
COPIED = ("alembic", "bot", "sandbox", "sync_core", "tests", "pyproject.toml")
# The quickest first: what to run, and the seconds after which it has certainly come to a halt.
SUITES = {
    "unit": (["tests/unit"], 900),
    "database": (["tests/db"], 900),
    "stories": (["tests/engine"], 2400),
    "simulation": (["tests/simulation"], 5400),
}
NEAR_ROOMS = ("unit", "db", "wire", "engine")  # quickest first
DOMAIN = "sync_core/domain"
WORKERS = "sync_core/workers"
LEASES = "tests/engine/test_lease_keeper.py"
PROMISES = "tests/engine/test_promises.py"
SENDER = "tests/engine/test_sender.py"
CONTESTS = "tests/engine/test_contest_detector.py"
PROPOSALS = "tests/db/test_proposals.py"


@dataclass(frozen=True)
class Mutant:
    """One rule, broken."""

    name: str
    edits: tuple[tuple[str, str, str], ...]  # file, what stands there, what stands there now
    first: str = ""  # the tests that are asked before all others: where it should be noticed


def mutant(
    name: str, file: str, old: str, new: str, *more: tuple[str, str, str], first: str = ""
) -> Mutant:
    return Mutant(name, ((file, old, new), *more), first)


MUTANTS = (
    mutant(
        "the book becomes the total instead of moving by the delta",
        f"{DOMAIN}/adjustments.py",
        "book=level.book + done.delta",
        "book=pool.shared",
        first="tests/unit/test_pack_sizes.py",
    ),
    mutant(
        "a new key on each sending",
        f"{WORKERS}/sender.py",
        "self._store.send(batch.body)",
        (
            "self._store.send(batch.body.replace(batch.key.encode(), "
            "self._context.ids.new().encode()))"
        ),
        first=f"{PROMISES}::test_a_lost_answer_is_asked_for_with_the_same_key",
    ),
    mutant(
        "no answer is taken for refused",
        f"{WORKERS}/sender.py",
        "case KeySpent() | BatchRefused():",
        "case KeySpent() | BatchRefused() | NoAnswer() | StillRunning():",
        first=f"{PROMISES}::test_a_lost_answer_is_asked_for_with_the_same_key",
    ),
    mutant(
        "a sending that was never executed leaves its stamp",
        f"{WORKERS}/sender.py",
        "until=until, executed=False)",
        "until=until, executed=True)",
        first=f"{SENDER}::test_what_is_certainly_not_executed_is_as_good_as_never_sent",
    ),
    mutant(
        "a sending that may have been executed is forgotten",
        f"{WORKERS}/sender.py",
        "until=until, executed=True)",
        "until=until, executed=False)",
        first=f"{SENDER}::test_a_doubtful_sending_stays_doubtful_however_often_it_is_refused_later",
    ),
    mutant(
        "a request that is refused says that no earlier one was executed",
        f"{WORKERS}/sender.py",
        "case Refused() if not was_sent:",
        "case Refused():",
        first=f"{SENDER}::test_a_refusal_of_the_request_says_nothing_of_an_earlier_sending",
    ),
    mutant(
        "that a store says who it is ends its refusal to be written to",
        "sync_core/db/stores.py",
        "unblock_store = unblock_store.where(STORE.c.write_refused.is_(written))",
        "pass",
        first="tests/engine/test_sender.py",
    ),
    mutant(
        "no guard against stale readings",
        f"{DOMAIN}/accounting.py",
        ("    if reading.updated_at is None:\n        return undone\n"),
        ("    if reading.updated_at is None or True:\n        return False\n"),
    ),
    mutant(
        "what the store's primary refuses is believed",
        "sync_core/shopify/responses.py",
        "    return not codes\n",
        "    return True\n",
        first="tests/engine/test_refresher.py",
    ),
    mutant(
        "a question to the primary sets a total",
        "sync_core/shopify/client.py",
        '"changeFromQuantity": quantity,',
        '"changeFromQuantity": None,',
        first="tests/engine/test_refresher.py",
    ),
    mutant(
        "who may not write asks the primary all the same",
        f"{WORKERS}/refresher.py",
        "self._answers_questions and context.may_write(alias)",
        "self._answers_questions",
        first="tests/engine/test_refresher.py",
    ),
    mutant(
        "a read counts without the two quiet seconds",
        f"{DOMAIN}/accounting.py",
        "request.began < max(level.settled_at, level.accounted_at) + read_lag.settling",
        "False",
    ),
    mutant(
        "a read counts although the level has moved since it began",
        f"{DOMAIN}/accounting.py",
        "level.open or level.version != request.version",
        "False",
        (
            f"{DOMAIN}/accounting.py",
            "request.began < max(level.settled_at, level.accounted_at) + read_lag.settling",
            "False",
        ),
    ),
    mutant(
        "the same second is late enough",
        f"{DOMAIN}/accounting.py",
        "updated_at > known and",
        "updated_at >= known and",
    ),
    mutant(
        "accounting while an adjustment is open",
        f"{DOMAIN}/accounting.py",
        "if level.open or (level.awaits_refresh",
        "if (level.awaits_refresh",
    ),
    mutant(
        "dropping instead of looking",
        f"{DOMAIN}/accounting.py",
        (
            "pool.with_level(request_refresh(level, now=now, read_lag=read_lag)))\n"
            "        case Verdict.ACCEPT"
        ),
        "pool.with_level(level))\n        case Verdict.ACCEPT",
    ),
    mutant(
        "what is heard while an adjustment is open is forgotten",
        f"{DOMAIN}/accounting.py",
        "pool.with_level(_remember(level, seen, now=now))",
        "pool",
    ),
    mutant(
        "written_at is forgotten",
        f"{DOMAIN}/adjustments.py",
        (
            "        written_at=max(level.written_at, written_at),\n"
            "        reported_at=max(level.reported_at, written_at),\n"
        ),
        "",
    ),
    mutant(
        "settling leaves the book",
        f"{DOMAIN}/adjustments.py",
        "book=level.book + done.delta",
        "book=level.book",
        first="tests/unit/test_promises.py",
    ),
    mutant(
        "the book moves before the answer",
        f"{DOMAIN}/adjustments.py",
        "replace(level, open=True, version",
        "replace(level, open=True, book=level.book + delta, version",
        (f"{DOMAIN}/adjustments.py", "book=level.book + done.delta", "book=level.book"),
        first=f"{PROMISES}::test_a_lost_answer_is_asked_for_with_the_same_key",
    ),
    mutant(
        "two open adjustments of one level",
        f"{DOMAIN}/adjustments.py",
        "level.active and not level.open and",
        "level.active and",
        (
            "sync_core/db/stock.py",
            "        LEVEL.c.open.is_(False),\n        LEVEL.c.refresh_at.is_(None)",
            "        LEVEL.c.refresh_at.is_(None)",
        ),
    ),
    mutant(
        "a refused row takes its batch along",
        f"{WORKERS}/sender.py",
        "            if number in reasons:\n",
        "            if number in reasons or reasons:\n",
        first=f"{PROMISES}::test_one_refused_row_holds_up_only_itself",
    ),
    mutant(
        "a refused row is owed again at once",
        f"{WORKERS}/sender.py",
        "            if number in reasons:\n",
        "            if False:\n",
        first=f"{PROMISES}::test_one_refused_row_holds_up_only_itself",
    ),
    mutant(
        "an answer that comes twice settles twice",
        f"{WORKERS}/sender.py",
        "            if each.id in hit\n",
        "            if each.id in hit or True\n",
        (
            "sync_core/db/batches.py",
            ("        if closed.rowcount != 1:\n            return []\n"),
            "",
        ),
        (
            "sync_core/db/batches.py",
            'self.run(query.where(ADJUSTMENT.c.state == "open"))',
            "self.run(query)",
        ),
        first="tests/engine/test_answers.py::test_an_answer_that_comes_twice_moves_the_book_once",
    ),
    mutant(
        "a key that is too old is sent blindly",
        f"{DOMAIN}/adjustments.py",
        "first_sent_at is not None and now - first_sent_at >= KEY_LIFETIME",
        "False",
    ),
    mutant(
        "a first meeting that differs is adopted",
        f"{DOMAIN}/baseline.py",
        "    if level.book == target_of(level, shared):\n",
        "    if level.book is not None:\n",
    ),
    mutant(
        "a meeting settles what an older one sent",
        f"{DOMAIN}/adjustments.py",
        "level.level_baseline == done.level_baseline and ",
        "",
    ),
    mutant(
        "one-way counts the destination",
        f"{DOMAIN}/values.py",
        "return self.role is Role.SOURCE or self.mode is Mode.TWO_WAY",
        "return True",
        first=f"{PROMISES}::test_one_way_follows_the_source_only",
    ),
    mutant(
        "unknown is zero",
        f"{DOMAIN}/accounting.py",
        "    if reading.trouble is not None or reading.available is None:\n",
        ("    reading = replace(reading, available=reading.available or 0)\n    if False:\n"),
        (
            f"{DOMAIN}/accounting.py",
            "    if reading.available is None:  # weigh() has seen to it\n",
            ("    reading = replace(reading, available=reading.available or 0)\n    if False:\n"),
        ),
    ),
    mutant(
        "catch-up learns nothing",
        f"{WORKERS}/catch_up.py",
        "if each.trouble is not None or each.available != level.book:",
        "if False:",
        first="tests/engine/test_store_upkeep.py",
    ),
    mutant(
        "a store is written to before it says who it is",
        f"{WORKERS}/context.py",
        "return store in self.identified and ",
        "return ",
    ),
    mutant(
        "what the brake holds is owed all the same",
        f"{DOMAIN}/quantities.py",
        "    shared -= level.withheld\n",
        "",
        first="tests/engine/test_circuit_breaker.py::test_a_wiped_store_does_not_wipe_the_others",
    ),
    mutant(
        "what was held from an old meeting is owed in the new one",
        f"{DOMAIN}/circuit_breaker.py",
        "if kept.get(each.id) == each.level_baseline else each",
        "if each.id in kept else each",
    ),
    mutant(
        "what has reached a level is withheld from it",
        f"{DOMAIN}/circuit_breaker.py",
        "(not level.due or planned >= each.at)",
        "not level.due",
    ),
    mutant(
        "more is withheld from a level than it owes",
        f"{DOMAIN}/circuit_breaker.py",
        "or 2 * still * (1 if total > 0 else -1) >= abs(total)",
        "or still",
    ),
    mutant(
        "an order explains every movement of its size",
        f"{DOMAIN}/circuit_breaker.py",
        "            theirs.remove(order_event)\n",
        "            continue\n",
    ),
    mutant(
        "what has been decided on trips the brake again",
        f"{WORKERS}/circuit_breaker.py",
        "if decided is None or each.at > decided or each.breaker == self._waiting_list",
        "if True",
    ),
    mutant(
        "sales wait for the brake as well",
        f"{DOMAIN}/circuit_breaker.py",
        "or (is_part and move.counted > 0)",
        "or is_part",
    ),
    mutant(
        "a decision ignores what has moved since it was shown",
        f"{DOMAIN}/decisions.py",
        "    if _has_moved(pool, chosen, values):\n",
        "    if False:\n",
    ),
    mutant(
        "a decision grants a look that was wished for while it read",
        f"{DOMAIN}/decisions.py",
        "        if read.mark != level.refresh_mark:",
        "        if False:",
    ),
    mutant(
        "a decision believes a number that is visibly stale",
        f"{DOMAIN}/decisions.py",
        (
            "        if judge_reading(level, read.reading, request, read_lag=read_lag) is "
            "not Verdict.ACCEPT:\n"
        ),
        ("        if False and judge_reading(level, read.reading, request, read_lag=read_lag):\n"),
    ),
    mutant(
        "an undo takes back the total instead of the difference",
        f"{DOMAIN}/decisions.py",
        "    shared = pool.shared - effect.moved\n",
        "    shared = (pool.first_shared or 0) - effect.moved\n",
    ),
    mutant(
        "an undo gives back what was never written",
        f"{DOMAIN}/decisions.py",
        "    unwritten = 0 if level.open else outstanding(level, shared)\n",
        "    unwritten = 0 * shared\n",
    ),
    mutant(
        "an undo does not see that a level has met its pool anew",
        f"{DOMAIN}/decisions.py",
        ("level is None or level.level_baseline != joined.level_baseline or not level.baselined"),
        "level is None",
    ),
    mutant(
        "a decision is not kept as an effect",
        f"{WORKERS}/quantity_decisions.py",
        (
            "    tx.receipts.save_effect(each.receipt, proposal.id, effect, outcome.pool.shared or "
            "0, now=now)\n"
        ),
        "",
        first="tests/engine/test_decider.py",
    ),
    mutant(
        "two processes carry out one decision",
        "sync_core/db/proposals.py",
        "return self.run(mine.with_for_update()).first() is not None",
        "return True or self.run(mine).first() is not None",
        first="tests/engine/test_postgresql.py",
    ),
    mutant(
        "whoever clicks last has decided, too",
        "sync_core/db/proposals.py",
        "still = IS_OPEN & PROPOSAL.",
        "still = PROPOSAL.",
        first=f"{PROPOSALS}::test_ten_people_decide_one_proposal_and_one_has_decided",
    ),
    mutant(
        "what has expired can be decided",
        "sync_core/db/proposals.py",
        ") & (PROPOSAL.c.expires_at > now)",
        ")",
        first=f"{PROPOSALS}::test_what_has_expired_cannot_be_decided",
    ),
    mutant(
        "a buffer forgets what was ordered",
        "sync_core/db/stock.py",
        "LEVEL.c.baselined | LEVEL.c.due",
        "LEVEL.c.baselined",
        first="tests/engine/test_pack_size_changes.py",
    ),
    mutant(
        "two answers are enough for a contest",
        f"{DOMAIN}/contests.py",
        "MIN_UNDOING_CHANGES = 3",
        "MIN_UNDOING_CHANGES = 2",
    ),
    mutant(
        "sales of a sold-out item are taken for another app",
        f"{DOMAIN}/contests.py",
        "if undoing and (seen or any(each.delta > 0 for each in undoing)):",
        "if undoing:",
    ),
    mutant(
        "sales in both stores are taken for another app",
        f"{DOMAIN}/contests.py",
        "if repeating and (seen or all(each.delta > 0 for each in repeating)):",
        "if repeating:",
    ),
    mutant(
        "what an order explains counts as an answer",
        f"{DOMAIN}/contests.py",
        "answer = None if each.explained else _answer(each, ours)",
        "answer = _answer(each, ours)",
    ),
    mutant(
        "a sale and its cancellation by turns are a contest",
        f"{DOMAIN}/contests.py",
        "if not turned or not causes or any(each.explained for each in causes):",
        "if not turned or not causes:",
    ),
    mutant(
        "only the last update can be undone",
        f"{DOMAIN}/contests.py",
        "sums = {ours[-1].delta, sum(each.delta for each in ours)} - {0}",
        "sums = {ours[-1].delta}",
    ),
    mutant(
        "what was before a contest counts after it",
        f"{WORKERS}/outcomes.py",
        "tx.contests.contested_at(pool, since=now - CONTEST_WINDOW) or NEVER",
        "NEVER",
        first=f"{CONTESTS}::test_resumed_too_early_it_is_told_again_and_not_at_once",
    ),
    mutant(
        "a contested level is written to",
        f"{DOMAIN}/values.py",
        "return self.mode is not Mode.OFF and self.suspended is None",
        "return self.mode is not Mode.OFF and not self.is_unreadable",
        ("sync_core/db/stock.py", "        LEVEL.c.suspended.is_(None),\n", ""),
        first=f"{CONTESTS}::test_stopped_means_not_written_to_and_nothing_else",
    ),
    mutant(
        "what a contested level shows is not accounted for",
        f"{DOMAIN}/values.py",
        "return self.suspended not in {None, Suspension.CONTESTED}",
        "return self.suspended is not None",
        first="tests/unit/test_contests.py::test_what_a_stopped_level_shows_counts_as_ever",
    ),
    mutant(
        "a resumed level is not read before it is written to",
        f"{DOMAIN}/contests.py",
        "pool = pool.with_level(request_refresh(back, now=now))",
        "pool = pool.with_level(back)",
    ),
    mutant(
        "a pool whose books don't add up is not stopped",
        f"{DOMAIN}/audit.py",
        "        if level.active:\n            why",
        "        if False:\n            why",
    ),
    mutant(
        "what stores did while a pool was stopped is not counted",
        f"{DOMAIN}/audit.py",
        (
            "            going = request_refresh(\n"
            "                replace(back, version=level.version + 1), now=now, "
            "read_lag=read_lag\n"
            "            )\n"
        ),
        "            going = replace(back, version=level.version + 1)\n",
    ),
    mutant(
        "a reading lifts what only right books may lift",
        f"{DOMAIN}/accounting.py",
        "    if level.suspended is Suspension.UNBALANCED:\n",
        "    if False:\n",
        first="tests/engine/test_auditor.py::test_whatever_is_altered_is_found_and_a_person_answers",
    ),
    mutant(
        "a person's answer keeps the old books",
        f"{DOMAIN}/decisions.py",
        "        outcome = Outcome(pool=restart_pool(pool), events=ended(pool))\n",
        "        outcome = Outcome(pool=pool, events=ended(pool))\n",
        first="tests/engine/test_auditor.py::test_whatever_is_altered_is_found_and_a_person_answers",
    ),
    mutant(
        "an update that nobody will settle is waited for",
        f"{WORKERS}/quantity_decisions.py",
        "    tx.audit.close_orphaned(pool.id, now=now)\n",
        "",
        first="tests/engine/test_auditor.py",
    ),
    mutant(
        "decisions are no part of the books",
        f"{DOMAIN}/audit.py",
        "_plus(books.first_shared, books.movements, books.decisions)",
        "_plus(books.first_shared, books.movements)",
    ),
    mutant(
        "orders that don't add up to their change are no breach",
        f"{DOMAIN}/audit.py",
        "    if level.misexplained == 0:\n",
        "    if level.misexplained >= 0:\n",
        first="tests/unit/test_audit.py",
    ),
    mutant(
        "an order explains a second change",
        f"{DOMAIN}/causes.py",
        "for each in known[first:last] if each not in found]",
        "for each in known[first:last]]",
        first="tests/unit/test_causes.py",
    ),
    mutant(
        "a recorded cause is asked for again",
        f"{DOMAIN}/causes.py",
        "    if recorded:\n",
        "    if False:\n",
        first="tests/unit/test_causes.py",
    ),
    mutant(
        "half of what explained a change is kept",
        "sync_core/db/retention.py",
        "self.run(update(ORDER_EVENT).where(left).values(movement_id=None))",
        "pass",
        first="tests/db/test_causes.py",
    ),
    mutant(
        "what is open at a line is in no seal",
        f"{WORKERS}/sealer.py",
        "    carried = () if before is None else before.open\n",
        "    carried: tuple[int, ...] = ()\n",
        first="tests/engine/test_auditor.py",
    ),
    mutant(
        "a seal stands alone",
        f"{DOMAIN}/seals.py",
        "*(seal.format, seal.day, before, _microseconds(seal.drawn_at)),",
        "*(seal.format, seal.day, _microseconds(seal.drawn_at)),",
    ),
    mutant(
        "the newest adjustment's number is given again",
        "sync_core/db/retention.py",
        ("            ADJUSTMENT.c.id < select(func.max(ADJUSTMENT.c.id)).scalar_subquery(),\n"),
        "",
    ),
    # -- who may write: the table of the design, row by row
    mutant(
        "a store without a mark is somebody else's",
        f"{DOMAIN}/leases.py",
        "        return LeaseClaim.TAKE\n",
        "        return LeaseClaim.FOREIGN\n",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "our own renewal is one that we do not know",
        f"{DOMAIN}/leases.py",
        "return LeaseClaim.RENEW if found.renewal in recorded.renewals else LeaseClaim.OLDER",
        "return LeaseClaim.OLDER",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "a database that is older goes on",
        f"{DOMAIN}/leases.py",
        "return LeaseClaim.RENEW if found.renewal in recorded.renewals else LeaseClaim.OLDER",
        "return LeaseClaim.RENEW",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "another Tipo's mark is taken for ours",
        f"{DOMAIN}/leases.py",
        "return LeaseClaim.FOREIGN  # also",
        "return LeaseClaim.RENEW  # also",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "a mark is written whatever is there",
        "sync_core/shopify/lease.py",
        '            "compareDigest": digest,\n',
        "",
        first="tests/wire/test_lease_metafield.py",
    ),
    mutant(
        "a renewal that is refused counts as one",
        f"{WORKERS}/lease_keeper.py",
        "                self._held = None\n                continue\n",
        '                digest = held.digest or ""\n',
        first=LEASES,
    ),
    mutant(
        "a lease has no end",
        f"{DOMAIN}/leases.py",
        "        return now < self.until\n",
        '        return self.until > float("-inf")\n',
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "whoever takes over waits for nobody",
        f"{DOMAIN}/leases.py",
        "return taken_at if found is None else taken_at + TAKEOVER_WAIT_SECONDS",
        "return taken_at",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "whoever takes over writes while it waits",
        f"{WORKERS}/lease_keeper.py",
        "                return min(wait, RENEW_EVERY_SECONDS)\n",
        "                context.permits.renew(alias, asked_at)\n"
        "                return min(wait, RENEW_EVERY_SECONDS)\n",
        first=LEASES,
    ),
    mutant(
        "after the wait nobody looks whose the mark is",
        f"{WORKERS}/lease_keeper.py",
        "digest = await self._marks().write_mark(mark, held.digest)",
        'digest = (held.digest or "") if self._writes_from else '
        "await self._marks().write_mark(mark, held.digest)",
        first=LEASES,
    ),
    mutant(
        "two that take over put their marks over each other's",
        f"{WORKERS}/lease_keeper.py",
        "may_take = claim.may_write or self._writes_from is None",
        "may_take = True",
        first=LEASES,
    ),
    mutant(
        "whoever has taken over goes on from its old numbers",
        f"{WORKERS}/lease_keeper.py",
        "            tx.baselines.reset(store, now=now)\n",
        "            pass\n",
        first=LEASES,
    ),
    mutant(
        "a takeover is over before its baseline",
        f"{WORKERS}/lease_keeper.py",
        "            if not await context.database.transaction(self._finish_takeover):\n"
        "                return NOT_READY_SECONDS\n",
        "",
        first=LEASES,
    ),
    mutant(
        "two that share the stores both write",
        f"{DOMAIN}/leases.py",
        "(not self._elsewhere or self._lasts(self._source, now))",
        "True",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "the source is taken over alone",
        "sync_core/db/leases.py",
        "lease.state is LeaseState.FOREIGN and not is_source",
        "lease.state is LeaseState.FOREIGN",
        first="tests/db/test_leases.py",
    ),
    mutant(
        "a store whose mark looks right is written to by an older database",
        f"{DOMAIN}/leases.py",
        "if self._older or (self._unseen",
        "if (self._unseen",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "a store is written to before the others have shown their marks",
        f"{DOMAIN}/leases.py",
        "(self._unseen and now < self._began + FIRST_MARK_WITHIN_SECONDS)",
        "False",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "what was noted of a store is forgotten while it is down",
        f"{DOMAIN}/leases.py",
        "            self._elsewhere.add(noted.store)\n",
        "            pass\n",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "a copy of the database takes the webhooks of the one that writes",
        f"{WORKERS}/store_upkeep.py",
        "if old and not context.permits.may_write(alias, context.clock.monotonic()):",
        "if False:",
        first=LEASES,
    ),
    mutant(
        "a restored database does not know that it is older",
        "sync_core/db/backups.py",
        "        tx.leases.restored(now=now)\n",
        "",
        first="tests/engine/test_backup.py",
    ),
)


def apply_mutant(folder: Path, broken: Mutant) -> None:
    """Copy the project and break it."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    for file, old, new in broken.edits:
        path = folder / file
        text = path.read_text()
        path.write_text(text.replace(old, new))


def misplaced(broken: Mutant) -> list[str]:
    """Return what is wrong: each edit must be found exactly once, and the test that is named."""
    texts = {file: (ROOT / file).read_text() for file, _, _ in broken.edits}
    path, _, test = broken.first.partition("::")
    lost = test and f"def {test}(" not in (ROOT / path).read_text()
    return [
        *([f"{broken.name}: there is no {broken.first}"] if lost else []),
        *(
            f"{broken.name}: {file} has {texts[file].count(old)} times: {old}"
            for file, old, _ in broken.edits
            if texts[file].count(old) != 1
        ),
    ]


def first_killer(folder: Path, broken: Mutant, suites: list[str], histories: int) -> str | None:
    """Return the first test that notices, as `suite: test`."""
    if suites == list(SUITES):
        for tests in nearest_tests(broken):
            told = first_failure(folder, [tests], 900, histories)
            if told is not None:
                return f"{tests}: {told}"
    for suite in suites:
        paths, limit = SUITES[suite]
        told = first_failure(folder, paths, limit, histories)
        if told is not None:
            return f"{suite}: {told}"
    return None


def nearest_tests(broken: Mutant) -> list[str]:
    """Return the files where a mutant should be noticed: what it names, then its namesakes."""
    names = dict.fromkeys(Path(file).stem for file, *_ in broken.edits)
    namesakes = (f"tests/{room}/test_{name}.py" for room in NEAR_ROOMS for name in names)
    there = [each for each in namesakes if (ROOT / each).exists()]
    return list(dict.fromkeys([broken.first, *there] if broken.first else there))


def first_failure(folder: Path, paths: list[str], limit: int, histories: int) -> str | None:
    """Run tests until one fails; return its name, None if all pass."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:logging", "-p", "no:randomly",
               "-p", "no:cacheprovider", *paths]  # fmt: skip
    environment = {**os.environ, "TIPO_HISTORIES": str(histories), "TIPO_SHRINK": "0"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            output, _ = run.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            return f"not done after {limit} s"
    if run.returncode == 0:
        return None
    failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if run.returncode != 1 or not failed:
        raise SystemExit(f"{' '.join(paths)} could not run:\n{output[-2000:]}")
    return failed[0].split("::")[-1].split(" - ")[0]


def examine(broken: Mutant, suites: list[str], histories: int) -> tuple[str | None, float]:
    """Return what has killed a mutant, and the seconds that it took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        apply_mutant(Path(name), broken)
        told = first_killer(Path(name), broken, suites, histories)
    return told, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="words of a mutant's name")
    parser.add_argument("--suites", nargs="*", default=list(SUITES), choices=SUITES)
    options = parser.parse_args()
    chosen = [each for each in MUTANTS if options.only in each.name]
    wrong = [line for each in chosen for line in misplaced(each)]
    if wrong or not chosen:
        raise SystemExit("\n".join(wrong) or "no mutant has such a name")
    alive: list[str] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = {
            pool.submit(examine, each, options.suites, options.histories): each for each in chosen
        }
        for done in as_completed(runs):
            name = runs[done].name
            told, seconds = done.result()
            alive += [name] if told is None else []
            fate = "SURVIVED" if told is None else "killed  "
            say(f"{fate}  {name:62}  {seconds:5.0f} s  {told or ''}")
    say(f"{len(chosen) - len(alive)} of {len(chosen)} killed, {len(alive)} alive")
    for name in alive:
        say(f"  {name}")
    return int(bool(alive))


if __name__ == "__main__":
    sys.exit(main())
