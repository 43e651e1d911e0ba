"""Which rare states the histories reached: a long run that misses one has shown less than it says.

Each is noted where it happens, in a counter of the process; `python -m tests.simulation` adds up
its processes, prints the sum and fails if a long run has missed one.
"""

from collections import Counter

COVERAGE: Counter[str] = Counter()
HISTORIES_PLAYED = "histories"
CHANGES = "changes that others than Tipo made to a quantity"

# Asked of the records when a process dies.
AT_DEATH = {
    "died with a batch in doubt": "SELECT 1 FROM batch WHERE state = 'open' AND attempts > 0",
    "died with a delivery not yet accounted for": (
        "SELECT 1 FROM delivery WHERE handled_at IS NULL"
    ),
    "died between a decision and its end": "SELECT 1 FROM proposal WHERE state = 'approved'",
}
# Asked after every step.
AT_STEP = {
    "a store was not written to because it refused our token": (
        "SELECT 1 FROM store WHERE blocked_since IS NOT NULL"
    ),
    "a level waited for a reading": (
        "SELECT 1 FROM level WHERE refresh_at IS NOT NULL AND baselined"
    ),
    "a batch was in doubt while its store refused our token": """
    SELECT 1 FROM batch b JOIN store s ON s.alias = b.store AND s.blocked_since IS NOT NULL
    WHERE b.state = 'open' AND b.attempts > 0
    """,
    "more was sold than there was": "SELECT 1 FROM pool WHERE shared < 0",
}
# Asked after every step where two engines may meet.
AMONG_TWO = {
    "a store had the mark of another engine": "SELECT 1 FROM lease WHERE state = 'foreign'",
    "an older database asked": "SELECT 1 FROM lease WHERE state = 'older'",
    "another app contested a level": "SELECT 1 FROM level WHERE suspended = 'contested'",
    "a new baseline was read by an export": (
        "SELECT 1 FROM setting WHERE name LIKE 'lead:export:%'"
    ),
}
# Asked after every step where the safety stop may trip.
WHILE_STOPPED = {
    "a batch was in doubt while the safety stop was on": """
    SELECT 1 FROM batch b JOIN finding f ON f.kind = 'circuit_breaker' AND f.closed_at IS NULL
    WHERE b.state = 'open' AND b.attempts > 0
    """,
}
# Asked of a copy that is put back.
AT_RESTORE = {
    "a copy with a batch under way was put back": "SELECT 1 FROM batch WHERE state = 'open'",
    "a copy with an open decision was put back": (
        "SELECT 1 FROM proposal WHERE state IN ('open', 'approved')"
    ),
}
# Asked at the end, of what has been written down.
AT_END = {
    "a batch was sent again, and settled": (
        "SELECT 1 FROM batch WHERE state = 'settled' AND attempts > 1"
    ),
    "an order was recorded as the cause of a change": (
        "SELECT 1 FROM order_event WHERE movement_id IS NOT NULL"
    ),
    "orders were told that explain no change": (
        "SELECT 1 FROM order_event WHERE movement_id IS NULL"
    ),
    "a change was found by reading": "SELECT 1 FROM movement WHERE source = 'look'",
    "a decision found that the numbers had moved": (
        "SELECT 1 FROM proposal WHERE state = 'done' AND NOT json_extract(result, '$.done')"
    ),
    "a decision was taken back": (
        "SELECT 1 FROM receipt r JOIN effect e ON e.receipt_id = r.id WHERE r.undoes IS NOT NULL"
    ),
    "a token was accepted again": (
        "SELECT 1 FROM notification WHERE kind = 'store_blocked' AND resolved"
    ),
}
# Noted by the harness and by the people in it.
DIED_UNHEARD = "died after the store had written, before it heard of it"
DIED_YOUNG = "died within two seconds of its start"
BROUGHT_AGAIN = "a webhook came again to a later process"
BROUGHT_TO_NOBODY = "a webhook was brought to nobody"
NEVER_RETURNED = "a store never returned, and the others were equal without it"
ALL_OUT = "every store was out at once"
CLOCK_SET = "the clock was set"
SOLD_MEANWHILE = "something was sold while its level was being written to"
DECIDED_MEANWHILE = "a decision was made while a level was being written to"
ONE_OF_TWO = "several clicked at once, and one decided"
TAKEN_OVER = "an engine took stores over"
TAKEN_IN_FLIGHT = "stores were taken over while a batch of the other was in flight"
TAKEN_PARTLY = "one store of several was taken over"
TAKEN_BACK = "an engine took back what it had held before"
DIED_TAKING_OVER = "an engine died while it took over"
FENCED_OUT = "an engine that had written was fenced out, and stopped"
RESTORED = "a database was restored by Tipo"
RESTORED_BY_HAND = "a database was replaced by an older copy, by hand"
COPIED = "a copy of a database ran beside it"
MONTH_BACK = "a clock was set back by a month"
MONTH_FORWARD = "a clock was set forward by a month"

RARE = (
    *AT_DEATH,
    *AT_STEP,
    *AMONG_TWO,
    *WHILE_STOPPED,
    *AT_RESTORE,
    *AT_END,
    DIED_UNHEARD,
    DIED_YOUNG,
    BROUGHT_AGAIN,
    BROUGHT_TO_NOBODY,
    NEVER_RETURNED,
    ALL_OUT,
    CLOCK_SET,
    SOLD_MEANWHILE,
    DECIDED_MEANWHILE,
    ONE_OF_TWO,
    TAKEN_OVER,
    TAKEN_IN_FLIGHT,
    TAKEN_PARTLY,
    TAKEN_BACK,
    DIED_TAKING_OVER,
    FENCED_OUT,
    RESTORED,
    RESTORED_BY_HAND,
    COPIED,
    MONTH_BACK,
    MONTH_FORWARD,
)


def existence_query(queries: dict[str, str]) -> str:
    """Return one query with a column for each of these."""
    return "SELECT " + ", ".join(f'EXISTS ({sql}) AS "{name}"' for name, sql in queries.items())
