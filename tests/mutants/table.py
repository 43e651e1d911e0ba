"""The rules that are broken on purpose, one at a time: what is edited, and where that must show.

An edit replaces text that is in its file exactly once (a test checks that).
"""

from dataclasses import dataclass

DOMAIN = "sync_core/domain"
WORKERS = "sync_core/workers"
LEASES = "tests/engine/test_lease_keeper.py"
PROMISES = "tests/engine/test_promises.py"
SENDER = "tests/engine/test_sender.py"
BULK = "tests/engine/test_bulk_refresher.py"
CONTESTS = "tests/engine/test_contest_detector.py"
SHADOW = "tests/engine/test_shadow.py"
PROPOSALS = "tests/db/test_proposals.py"


@dataclass(frozen=True)
class Mutant:
    """One rule, broken."""

    name: str
    edits: tuple[tuple[str, str, str], ...]  # file, what is there, what comes there instead
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
        first=f"{SENDER}::test_a_refusal_as_a_whole_is_told_once_and_its_end_once",
    ),
    mutant(
        "no guard against stale readings",
        f"{DOMAIN}/accounting.py",
        ("    if reading.updated_at is None:\n        return undone\n"),
        ("    if reading.updated_at is None or True:\n        return False\n"),
        first="tests/unit/test_accounting.py::test_a_reading_gets_one_verdict",
    ),
    mutant(
        "what the store's primary refuses is believed",
        "sync_core/shopify/responses.py",
        "    return not codes\n",
        "    return True\n",
        first="tests/engine/test_refresher.py"
        "::test_a_read_that_is_really_stale_is_not_believed_whatever_it_says",
    ),
    mutant(
        "a question to the primary sets a total",
        "sync_core/shopify/client.py",
        '"changeFromQuantity": quantity,',
        '"changeFromQuantity": None,',
        first="tests/engine/test_refresher.py"
        "::test_a_read_that_is_really_stale_is_not_believed_whatever_it_says",
    ),
    mutant(
        "who may not write asks the primary all the same",
        f"{WORKERS}/refresher.py",
        "self._answers_questions and context.may_write(alias)",
        "self._answers_questions",
        first="tests/engine/test_refresher.py::test_nobody_is_asked_who_may_not_be_written_to",
    ),
    mutant(
        "an export follows on another for the levels that it left",
        f"{WORKERS}/bulk_refresher.py",
        "        self._context.exported_at[self._store.alias] = began\n",
        "",
        first=f"{BULK}::test_what_an_export_does_not_have_is_read_by_id",
    ),
    mutant(
        "an export counts for a baseline that began after it",
        f"{WORKERS}/bulk_refresher.py",
        "by_key[key], request, now",
        "by_key[key], replace(request, version=pool.at(key).version), now",
        (
            f"{WORKERS}/bulk_refresher.py",
            "from functools import partial\n",
            "from dataclasses import replace\nfrom functools import partial\n",
        ),
        first=f"{BULK}::test_a_baseline_that_begins_during_an_export_is_not_read_by_it",
    ),
    mutant(
        "a destination that is faster than the source differs from it",
        "sync_core/db/baselines.py",
        "func.coalesce(AWAITS_SOURCE, false()).is_(False)",
        "true()",
        first=f"{BULK}::test_the_comparison_is_not_over_before_the_source_has_been_read",
    ),
    mutant(
        "what is pending is written in shadow mode",
        f"{WORKERS}/sender.py",
        "if is_blocked or tx.settings.get(SHADOW_SETTING) is not None:",
        "if is_blocked:",
        first=SHADOW,
    ),
    mutant(
        "the primary is asked in shadow mode",
        f"{WORKERS}/refresher.py",
        "holds = (PAUSED_SETTING, SHADOW_SETTING)",
        "holds = (PAUSED_SETTING,)",
        first=SHADOW,
    ),
    mutant(
        "going live writes what came together in shadow mode",
        f"{WORKERS}/mode_changes.py",
        "        take_new_baseline(tx, None, now=now)",
        "        pass",
        first=SHADOW,
    ),
    mutant(
        "a fix is applied in shadow mode",
        "sync_core/service/writing.py",
        "if writes and tx.settings.get(SHADOW_SETTING) is not None:",
        "if False:",
        first=SHADOW,
    ),
    mutant(
        "a read counts without the two quiet seconds",
        f"{DOMAIN}/accounting.py",
        "request.began < max(level.settled_at, level.accounted_at) + read_lag.settling",
        "False",
        first="tests/unit/test_accounting.py::test_a_reading_gets_one_verdict",
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
        first="tests/unit/test_accounting.py::test_a_reading_gets_one_verdict",
    ),
    mutant(
        "the same second is late enough",
        f"{DOMAIN}/accounting.py",
        "updated_at > known and",
        "updated_at >= known and",
        first="tests/unit/test_accounting.py::test_a_webhooks_value_gets_one_verdict",
    ),
    mutant(
        "accounting while an adjustment is open",
        f"{DOMAIN}/accounting.py",
        "if level.open or (level.awaits_refresh",
        "if (level.awaits_refresh",
        first="tests/unit/test_accounting.py::test_a_webhooks_value_gets_one_verdict",
    ),
    mutant(
        "dropping instead of looking",
        f"{DOMAIN}/accounting.py",
        (
            "pool.with_level(request_refresh(level, now=now, read_lag=read_lag)))\n"
            "        case Verdict.ACCEPT"
        ),
        "pool.with_level(level))\n        case Verdict.ACCEPT",
        first="tests/unit/test_accounting.py"
        "::test_an_old_value_after_one_that_equals_the_book_is_looked_at",
    ),
    mutant(
        "what is heard while an adjustment is open is forgotten",
        f"{DOMAIN}/accounting.py",
        "pool.with_level(_remember(level, seen, now=now))",
        "pool",
        first="tests/unit/test_accounting.py::test_no_value_never_moves_anything",
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
        first="tests/unit/test_promises.py"
        "::test_doubled_and_reordered_webhooks_lose_and_invent_nothing",
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
        first="tests/unit/test_adjustments.py::test_a_level_is_planned_by_the_table",
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
        first="tests/unit/test_adjustments.py::test_an_old_key_is_not_sent_blindly",
    ),
    mutant(
        "an initial comparison takes a difference for equal",
        f"{DOMAIN}/baseline.py",
        "    if level.book == target_of(level, shared):\n",
        "    if level.book is not None:\n",
        first="tests/unit/test_baseline.py"
        "::test_a_sale_between_the_two_first_reads_does_not_keep_them_apart",
    ),
    mutant(
        "a baseline settles what an older one sent",
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
        first="tests/unit/test_accounting.py::test_a_reading_gets_one_verdict",
    ),
    mutant(
        "catch-up learns nothing",
        f"{WORKERS}/catch_up.py",
        "if each.trouble is not None or each.available != level.book:",
        "if False:",
        first="tests/engine/test_store_upkeep.py"
        "::test_a_product_that_cannot_be_read_stops_nothing_else",
    ),
    mutant(
        "a store is written to before it says who it is",
        f"{WORKERS}/context.py",
        "return store in self.identified and ",
        "return ",
        first=f"{SENDER}::test_a_store_is_written_to_once_it_has_said_who_it_is",
    ),
    mutant(
        "what the safety stop withholds is written all the same",
        f"{DOMAIN}/quantities.py",
        "    shared -= level.withheld\n",
        "",
        first="tests/engine/test_circuit_breaker.py::test_a_wiped_store_does_not_wipe_the_others",
    ),
    mutant(
        "what an old baseline withheld is withheld under the new one",
        f"{DOMAIN}/circuit_breaker.py",
        "if kept.get(each.id) == each.level_baseline else each",
        "if each.id in kept else each",
        first="tests/engine/test_circuit_breaker.py"
        "::test_a_store_that_meets_anew_owes_nothing_of_it",
    ),
    mutant(
        "what has reached a level is withheld from it",
        f"{DOMAIN}/circuit_breaker.py",
        "(not level.due or planned >= each.at)",
        "not level.due",
        first="tests/unit/test_circuit_breaker.py::test_no_more_is_withheld_than_is_outstanding",
    ),
    mutant(
        "more is withheld from a level than it owes",
        f"{DOMAIN}/circuit_breaker.py",
        "or 2 * still * (1 if total > 0 else -1) >= abs(total)",
        "or still",
        first="tests/unit/test_circuit_breaker.py::test_what_has_been_written_is_not_held",
    ),
    mutant(
        "an order explains every movement of its size",
        f"{DOMAIN}/circuit_breaker.py",
        "            theirs.remove(order_event)\n",
        "            continue\n",
        first="tests/unit/test_circuit_breaker.py::test_an_order_explains_one_movement",
    ),
    mutant(
        "what has been decided on trips the safety stop again",
        f"{WORKERS}/circuit_breaker.py",
        "if decided is None or each.at > decided or each.breaker == self._waiting_list",
        "if True",
        first="tests/engine/test_circuit_breaker.py::test_what_was_let_through_is_not_counted_again",
    ),
    mutant(
        "sales wait for the safety stop as well",
        f"{DOMAIN}/circuit_breaker.py",
        "or (is_part and move.counted > 0)",
        "or is_part",
        first="tests/unit/test_circuit_breaker.py::test_what_is_held_follows_the_table",
    ),
    mutant(
        "a decision ignores what has moved since it was shown",
        f"{DOMAIN}/decisions.py",
        "    if _has_moved(pool, chosen, values):\n",
        "    if False:\n",
        first="tests/unit/test_decisions.py::test_a_number_that_moved_stops_everything",
    ),
    mutant(
        "a decision grants a look that was wished for while it read",
        f"{DOMAIN}/decisions.py",
        "        if read.mark != level.refresh_mark:",
        "        if False:",
        first="tests/unit/test_decisions.py::test_what_was_heard_while_reading_is_not_forgotten",
    ),
    mutant(
        "a decision believes a number that is visibly stale",
        f"{DOMAIN}/decisions.py",
        (
            "        if judge_reading(level, read.reading, request, read_lag=read_lag) is "
            "not Verdict.ACCEPT:\n"
        ),
        ("        if False and judge_reading(level, read.reading, request, read_lag=read_lag):\n"),
        first="tests/unit/test_decisions.py"
        "::test_a_level_that_cannot_be_believed_yet_is_asked_again",
    ),
    mutant(
        "an undo takes back the total instead of the difference",
        f"{DOMAIN}/decisions.py",
        "    shared = pool.shared - effect.moved\n",
        "    shared = (pool.first_shared or 0) - effect.moved\n",
        first="tests/unit/test_decisions.py"
        "::test_a_first_meeting_is_taken_back_to_the_numbers_before",
    ),
    mutant(
        "an undo gives back what was never written",
        f"{DOMAIN}/decisions.py",
        "    unwritten = 0 if level.open else outstanding(level, shared)\n",
        "    unwritten = 0 * shared\n",
        first="tests/unit/test_decisions.py"
        "::test_a_first_meeting_is_taken_back_to_the_numbers_before",
    ),
    mutant(
        "an undo does not see that a level has a new baseline",
        f"{DOMAIN}/decisions.py",
        ("level is None or level.level_baseline != joined.level_baseline or not level.baselined"),
        "level is None",
        first="tests/unit/test_decisions.py::test_what_cannot_be_taken_back_says_why",
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
        first=f"{PROPOSALS}::test_what_is_decided_is_carried_out_by_one",
    ),
    mutant(
        "the one who clicks last has decided, too",
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
        first="tests/db/test_catalogue.py"
        "::test_a_buffer_forgets_nothing_that_was_ordered_of_one_level",
    ),
    mutant(
        "two answers are enough for a contest",
        f"{DOMAIN}/contests.py",
        "MIN_UNDOING_CHANGES = 3",
        "MIN_UNDOING_CHANGES = 2",
        first="tests/unit/test_contests.py::test_less_than_three_answers_in_a_row_are_nothing",
    ),
    mutant(
        "sales of a sold-out item are taken for another app",
        f"{DOMAIN}/contests.py",
        "if undoing and (seen or any(each.delta > 0 for each in undoing)):",
        "if undoing:",
        first="tests/unit/test_contests.py"
        "::test_sales_that_answer_restocks_need_orders_that_do_not_explain_them",
    ),
    mutant(
        "sales in both stores are taken for another app",
        f"{DOMAIN}/contests.py",
        "if repeating and (seen or all(each.delta > 0 for each in repeating)):",
        "if repeating:",
        first="tests/unit/test_contests.py::test_five_repeats_in_a_row",
    ),
    mutant(
        "what an order explains counts as an answer",
        f"{DOMAIN}/contests.py",
        "answer = None if each.explained else _answer(each, ours)",
        "answer = _answer(each, ours)",
        first="tests/unit/test_contests.py::test_less_than_three_answers_in_a_row_are_nothing",
    ),
    mutant(
        "a sale and its cancellation by turns are a contest",
        f"{DOMAIN}/contests.py",
        "if not turned or not causes or any(each.explained for each in causes):",
        "if not turned or not causes:",
        first="tests/unit/test_contests.py::test_updates_to_and_fro_that_nobody_caused",
    ),
    mutant(
        "only the last update can be undone",
        f"{DOMAIN}/contests.py",
        "sums = {ours[-1].delta, sum(each.delta for each in ours)} - {0}",
        "sums = {ours[-1].delta}",
        first="tests/unit/test_contests.py::test_three_answers_in_a_row_that_undo_our_updates",
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
        first="tests/unit/test_contests.py::test_resumed_it_is_read_and_then_written",
    ),
    mutant(
        "a pool whose books don't add up is not stopped",
        f"{DOMAIN}/audit.py",
        "        if level.active:\n            why",
        "        if False:\n            why",
        first="tests/unit/test_audit.py"
        "::test_a_stopped_pool_is_not_written_to_and_people_are_told_once",
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
        first="tests/unit/test_audit.py"
        "::test_a_pool_whose_books_are_right_again_counts_what_was_sold_meanwhile",
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
        first="tests/engine/test_auditor.py"
        "::test_whatever_is_altered_is_found_and_a_person_answers",
    ),
    mutant(
        "decisions are no part of the books",
        f"{DOMAIN}/audit.py",
        "_plus(books.first_shared, books.movements, books.decisions)",
        "_plus(books.first_shared, books.movements)",
        first="tests/unit/test_audit.py::test_a_shared_quantity_is_the_first_and_all_that_moved_it",
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
        first="tests/db/test_causes.py::test_orders_that_are_too_old_take_their_causes_with_them",
    ),
    mutant(
        "what is open at a line is in no seal",
        f"{WORKERS}/sealer.py",
        "    carried = () if before is None else before.open\n",
        "    carried: tuple[int, ...] = ()\n",
        first="tests/engine/test_auditor.py::test_what_is_open_at_the_line_is_in_the_next_seal",
    ),
    mutant(
        "a seal stands alone",
        f"{DOMAIN}/seals.py",
        "*(seal.format, seal.day, before, _microseconds(seal.drawn_at)),",
        "*(seal.format, seal.day, _microseconds(seal.drawn_at)),",
        first="tests/unit/test_seals.py::test_a_seal_that_is_made_again_breaks_the_next",
    ),
    mutant(
        "the newest adjustment's number is given again",
        "sync_core/db/retention.py",
        ("            ADJUSTMENT.c.id < select(func.max(ADJUSTMENT.c.id)).scalar_subquery(),\n"),
        "",
        first="tests/db/test_retention.py"
        "::test_two_processes_that_tidy_at_once_count_each_adjustment_once",
    ),
    # -- who may write: the table of the design, row by row
    mutant(
        "a store without a mark is somebody else's",
        f"{DOMAIN}/leases.py",
        "        return LeaseClaim.TAKE\n",
        "        return LeaseClaim.FOREIGN\n",
        first="tests/unit/test_leases.py::test_what_a_mark_means",
    ),
    mutant(
        "our own renewal is one that we do not know",
        f"{DOMAIN}/leases.py",
        "return LeaseClaim.RENEW if found.renewal in recorded.renewals else LeaseClaim.OLDER",
        "return LeaseClaim.OLDER",
        first="tests/unit/test_leases.py::test_what_a_mark_means",
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
        first="tests/unit/test_leases.py::test_what_a_mark_means",
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
        first=f"{LEASES}::test_two_that_start_in_the_same_second_have_one_winner",
    ),
    mutant(
        "a lease has no end",
        f"{DOMAIN}/leases.py",
        "        return now < self.until\n",
        '        return self.until > float("-inf")\n',
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "a Tipo that takes over waits for nobody",
        f"{DOMAIN}/leases.py",
        "return taken_at if found is None else taken_at + TAKEOVER_WAIT_SECONDS",
        "return taken_at",
        first="tests/unit/test_leases.py",
    ),
    mutant(
        "a Tipo that takes over writes while it waits",
        f"{WORKERS}/lease_keeper.py",
        "                return min(wait, RENEW_EVERY_SECONDS)\n",
        "                context.permits.renew(alias, asked_at)\n"
        "                return min(wait, RENEW_EVERY_SECONDS)\n",
        first="tests/engine/test_lease_keeper.py"
        "::test_whoever_takes_over_fences_the_other_out_and_starts_from_present_numbers",
    ),
    mutant(
        "after the wait nobody looks whose the mark is",
        f"{WORKERS}/lease_keeper.py",
        "digest = await self._marks().write_mark(mark, held.digest)",
        'digest = (held.digest or "") if self._writes_from else '
        "await self._marks().write_mark(mark, held.digest)",
        first=f"{LEASES}::test_of_two_that_take_over_at_the_same_time_the_last_one_has_it",
    ),
    mutant(
        "two that take over put their marks over each other's",
        f"{WORKERS}/lease_keeper.py",
        "may_take = claim.may_write or self._writes_from is None",
        "may_take = True",
        first=f"{LEASES}::test_of_two_that_take_over_at_the_same_time_the_last_one_has_it",
    ),
    mutant(
        "a Tipo that has taken over goes on from its old numbers",
        f"{WORKERS}/lease_keeper.py",
        "        take_new_baseline(tx, store, now=now)\n",
        "        pass\n",
        first="tests/engine/test_lease_keeper.py"
        "::test_whoever_takes_over_fences_the_other_out_and_starts_from_present_numbers",
    ),
    mutant(
        "a takeover is over before its baseline",
        f"{WORKERS}/lease_keeper.py",
        "            if not await context.database.transaction(self._finish_takeover):\n"
        "                return NOT_READY_SECONDS\n",
        "",
        first="tests/engine/test_lease_keeper.py"
        "::test_whoever_takes_over_fences_the_other_out_and_starts_from_present_numbers",
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
