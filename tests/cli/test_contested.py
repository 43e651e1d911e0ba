"""`tipo contested`: a product that somebody else keeps changing, at a terminal."""

from sync_core.domain.contests import Contest, Pattern, stop
from sync_core.domain.values import Alias
from sync_core.workers.safety_questions import ask_about_contests
from tests.cli.conftest import ask, rest, serving

JACKET = "SFDJ-M"


def contest(known):
    """Stop the jacket in `eu`, as the engine does."""

    async def work(parts):
        def work(tx):
            now = parts.clock.now()
            number = tx.views.find_pools(JACKET, limit=1)[0]
            pool = tx.stock.pools([number])[number]
            level = next(each for each in pool.levels if each.key.store == Alias("eu"))
            seen = Contest(pattern=Pattern.UNDONE, times=3, units=5, seconds=40)
            tx.stock.save_outcomes([stop(pool, level, seen, now=now)], now=now)
            ask_about_contests(tx, parts.ids, now=now)

        await parts.database.transaction(work)

    ask(work)


def test_nothing_to_resume_is_said(known):
    assert "No product is stopped" in known("contested").output
    assert known.json("contested") == {"contested": []}
    assert "no such product" in known("contested", "resume", "--yes", expect=2).output


def test_a_stopped_product_is_listed_and_resumed(known, person):
    contest(known)
    said = known("contested").output
    assert "updates undone" in said
    [told] = known.json("contested")["contested"]
    assert (told["stores"], told["times"], told["seconds"]) == ("eu", 3, 40)
    assert "no such product" in known("contested", "resume", "skirt", "--yes", expect=2).output
    assert "Nothing was changed." in known("contested", "resume", "jacket (m)", says="n\n").output
    with serving():
        said = known("contested", "resume", JACKET, "--yes").output
    rest()
    assert "is updated again" in said
    assert known.json("contested") == {"contested": []}


def test_resuming_waits_for_serve_and_asks_before(known, person):
    contest(known)
    rest()
    assert "Nothing was changed." in known("contested", "resume", says="n\n").output
    assert "it is done when `tipo serve` starts" in known("contested", "resume", "--yes").output
