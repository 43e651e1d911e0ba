"""Break each rule on purpose, in a copy, and say which tests notice. `make mutants`.

The simulation is asked first; what it cannot see (a rule that another one heals) must have a
story or a unit test of its own. Exit code 1 if a mutant survives.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("alembic", "bot", "sandbox", "sync_core", "tests", "pyproject.toml")
SUITES = {
    "simulation": ["tests/simulation"],
    "stories": ["tests/engine"],
    "unit": ["tests/unit"],
    "database": ["tests/db"],
}
DOMAIN = "sync_core/domain"
WORKERS = "sync_core/workers"


@dataclass(frozen=True)
class Mutant:
    """One rule, broken."""

    name: str
    edits: tuple[tuple[str, str, str], ...]  # file, what stands there, what stands there now


def mutant(name: str, file: str, old: str, new: str, *more: tuple[str, str, str]) -> Mutant:
    return Mutant(name, ((file, old, new), *more))


MUTANTS = (
    mutant(
        "the book becomes the total instead of moving by the delta",
        f"{DOMAIN}/settle.py",
        "book=level.book + done.delta",
        "book=pool.shared",
    ),
    mutant(
        "a new key on each sending",
        f"{WORKERS}/sending.py",
        "self._store.send(batch.body)",
        "self._store.send(batch.body.replace("
        "batch.key.encode(), self._context.ids.new().encode()))",
    ),
    mutant(
        "no answer is taken for refused",
        f"{WORKERS}/sending.py",
        "case KeySpent() | BatchRefused():",
        "case KeySpent() | BatchRefused() | NoAnswer() | StillRunning():",
    ),
    mutant(
        "a sending that was never executed leaves its stamp",
        f"{WORKERS}/sending.py",
        "until=until, executed=False)",
        "until=until, executed=True)",
    ),
    mutant(
        "a sending that may have been executed is forgotten",
        f"{WORKERS}/sending.py",
        "until=until, executed=True)",
        "until=until, executed=False)",
    ),
    mutant(
        "a request that is refused says that no earlier one was executed",
        f"{WORKERS}/sending.py",
        "case Refused() if not was_sent:",
        "case Refused():",
    ),
    mutant(
        "that a store says who it is ends its refusal to be written to",
        "sync_core/db/catalogue.py",
        "let_go = let_go.where(STORE.c.write_refused.is_(written))",
        "pass",
    ),
    mutant(
        "no guard against stale readings",
        f"{DOMAIN}/account.py",
        "    if reading.updated_at is None:\n        return undone\n",
        "    if reading.updated_at is None or True:\n        return False\n",
    ),
    mutant(
        "a read counts without the two quiet seconds",
        f"{DOMAIN}/account.py",
        "look.began < max(level.settled_at, level.accounted_at) + patience.quiet",
        "False",
    ),
    mutant(
        "a read counts although the level has moved since it began",
        f"{DOMAIN}/account.py",
        "level.open or level.version != look.version",
        "False",
        (
            f"{DOMAIN}/account.py",
            "look.began < max(level.settled_at, level.accounted_at) + patience.quiet",
            "False",
        ),
    ),
    mutant(
        "the same second is late enough",
        f"{DOMAIN}/account.py",
        "updated_at > known and",
        "updated_at >= known and",
    ),
    mutant(
        "accounting while an adjustment is open",
        f"{DOMAIN}/account.py",
        "if level.open or (level.awaits_look",
        "if (level.awaits_look",
    ),
    mutant(
        "dropping instead of looking",
        f"{DOMAIN}/account.py",
        "pool.with_level(wish(level, now=now, patience=patience)))\n        case Verdict.ACCEPT",
        "pool.with_level(level))\n        case Verdict.ACCEPT",
    ),
    mutant(
        "what is heard while an adjustment is open is forgotten",
        f"{DOMAIN}/account.py",
        "pool.with_level(_remember(level, seen, now=now))",
        "pool",
    ),
    mutant(
        "written_at is forgotten",
        f"{DOMAIN}/settle.py",
        "        written_at=max(level.written_at, written_at),\n"
        "        heard_at=max(level.heard_at, written_at),\n",
        "",
    ),
    mutant(
        "settling leaves the book",
        f"{DOMAIN}/settle.py",
        "book=level.book + done.delta",
        "book=level.book",
    ),
    mutant(
        "the book moves before the answer",
        f"{DOMAIN}/plan.py",
        "replace(level, open=True, version",
        "replace(level, open=True, book=level.book + delta, version",
        (f"{DOMAIN}/settle.py", "book=level.book + done.delta", "book=level.book"),
    ),
    mutant(
        "two open adjustments of one level",
        f"{DOMAIN}/plan.py",
        "level.active and not level.open and",
        "level.active and",
        (
            "sync_core/db/stock.py",
            "        LEVEL.c.open.is_(False),\n        LEVEL.c.look_at.is_(None)",
            "        LEVEL.c.look_at.is_(None)",
        ),
    ),
    mutant(
        "a refused row takes its batch along",
        f"{WORKERS}/sending.py",
        "            if number in reasons:\n",
        "            if number in reasons or reasons:\n",
    ),
    mutant(
        "a refused row is owed again at once",
        f"{WORKERS}/sending.py",
        "            if number in reasons:\n",
        "            if False:\n",
    ),
    mutant(
        "an answer that comes twice settles twice",
        f"{WORKERS}/sending.py",
        "            if each.id in hit\n",
        "            if each.id in hit or True\n",
        (
            "sync_core/db/batches.py",
            "        if closed.rowcount != 1:\n            return []\n",
            "",
        ),
        (
            "sync_core/db/batches.py",
            'self.run(query.where(ADJUSTMENT.c.state == "open"))',
            "self.run(query)",
        ),
    ),
    mutant(
        "a key that is too old is sent blindly",
        f"{DOMAIN}/plan.py",
        "first_sent_at is not None and now - first_sent_at >= KEY_LIVES",
        "False",
    ),
    mutant(
        "a first meeting that differs is adopted",
        f"{DOMAIN}/meet.py",
        "    if level.book == shown(level, shared):\n",
        "    if level.book is not None:\n",
    ),
    mutant(
        "a meeting settles what an older one sent",
        f"{DOMAIN}/settle.py",
        "level.meeting == done.meeting and ",
        "",
    ),
    mutant(
        "one-way counts the destination",
        f"{DOMAIN}/values.py",
        "return self.role is Role.SOURCE or self.mode is Mode.TWO_WAY",
        "return True",
    ),
    mutant(
        "unknown is zero",
        f"{DOMAIN}/account.py",
        "    if reading.trouble is not None or reading.available is None:\n",
        "    reading = replace(reading, available=reading.available or 0)\n    if False:\n",
        (
            f"{DOMAIN}/account.py",
            "    if reading.available is None:  # weigh() has seen to it\n        return",
            "    reading = replace(reading, available=reading.available or 0)\n"  # noqa: ISC004
            "    if False:\n        return",
        ),
    ),
    mutant(
        "catch-up learns nothing",
        f"{WORKERS}/catching_up.py",
        "if each.trouble is not None or each.available != level.book:",
        "if False:",
    ),
    mutant(
        "a store is written to before it says who it is",
        f"{WORKERS}/sending.py",
        "if self._store.alias not in self._context.known:",
        "if False:",
    ),
    mutant(
        "what the brake holds is owed all the same",
        f"{DOMAIN}/shown.py",
        "    shared -= level.held\n",
        "",
    ),
    mutant(
        "what was held from an old meeting is owed in the new one",
        f"{DOMAIN}/brake.py",
        "if kept.get(each.id) == each.meeting else each",
        "if each.id in kept else each",
    ),
    mutant(
        "an order explains every movement of its size",
        f"{DOMAIN}/brake.py",
        "            theirs.remove(act)\n",
        "            continue\n",
    ),
    mutant(
        "what has been decided on trips the brake again",
        f"{WORKERS}/braking.py",
        "if decided is None or each.at > decided or each.brake == self._wait",
        "if True",
    ),
    mutant(
        "sales wait for the brake as well",
        f"{DOMAIN}/brake.py",
        "return move.emptied or is_big or (is_held and move.counted > 0)",
        "return move.emptied or is_big or is_held",
    ),
    mutant(
        "a decision ignores what has moved since it was shown",
        f"{DOMAIN}/decide.py",
        "    if _has_moved(pool, chosen, values):\n",
        "    if False:\n",
    ),
    mutant(
        "a decision grants a look that was wished for while it read",
        f"{DOMAIN}/decide.py",
        "        if read.mark != level.look_mark:",
        "        if False:",
    ),
    mutant(
        "a decision believes a number that is visibly stale",
        f"{DOMAIN}/decide.py",
        "        if weigh(level, read.reading, look, patience=patience) is not Verdict.ACCEPT:\n",
        "        if False and weigh(level, read.reading, look, patience=patience):\n",
    ),
    mutant(
        "an undo takes back the total instead of the difference",
        f"{DOMAIN}/decide.py",
        "    shared = pool.shared - effect.moved\n",
        "    shared = (pool.first_shared or 0) - effect.moved\n",
    ),
    mutant(
        "an undo gives back what was never written",
        f"{DOMAIN}/decide.py",
        "    unwritten = 0 if level.open else owed(level, shared)\n",
        "    unwritten = 0 * shared\n",
    ),
    mutant(
        "an undo does not see that a level has met its pool anew",
        f"{DOMAIN}/decide.py",
        "level is None or level.meeting != joined.meeting or not level.met",
        "level is None",
    ),
    mutant(
        "a decision is not kept as an effect",
        f"{WORKERS}/deciding.py",
        "        ledger.save_effect(\n"
        "            each.receipt, each.proposal.id, effect, outcome.pool.shared or 0, now=now\n"
        "        )\n",
        "",
    ),
    mutant(
        "two processes carry out one decision",
        "sync_core/db/desk.py",
        "return self.run(mine.with_for_update()).first() is not None",
        "return True or self.run(mine).first() is not None",
    ),
    mutant(
        "whoever clicks last has decided, too",
        "sync_core/db/desk.py",
        "                OPEN, PROPOSAL.c.id == number, PROPOSAL.c.expires_at > now\n",
        "                PROPOSAL.c.id == number, PROPOSAL.c.expires_at > now\n",
    ),
    mutant(
        "what has expired can be decided",
        "sync_core/db/desk.py",
        "                OPEN, PROPOSAL.c.id == number, PROPOSAL.c.expires_at > now\n",
        "                OPEN, PROPOSAL.c.id == number\n",
    ),
    mutant(
        "a buffer forgets what was ordered",
        "sync_core/db/catalogue.py",
        "LEVEL.c.met | LEVEL.c.due",
        "LEVEL.c.met",
    ),
)


def break_in(folder: Path, broken: Mutant) -> None:
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
        if text.count(old) != 1:
            raise SystemExit(f"{broken.name}: {file} has {text.count(old)} times: {old}")
        path.write_text(text.replace(old, new))


def killer(folder: Path, suites: list[str], histories: int) -> str | None:
    """Return the first test that notices, as `suite: test`."""
    for suite in suites:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:logging",
                   "-p", "no:cacheprovider", *SUITES[suite]]  # fmt: skip
        environment = {**os.environ, "TIPO_HISTORIES": str(histories), "TIPO_SHRINK": "0"}
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if run.returncode:
            failed = [
                line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
            ]
            if not failed:
                raise SystemExit(
                    f"{suite} could not run:\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
                )
            return f"{suite}: {failed[0].split('::')[-1].split(' - ')[0]}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=400)
    parser.add_argument("--only", default="", help="words of a mutant's name")
    parser.add_argument("--suites", nargs="*", default=list(SUITES))
    options = parser.parse_args()
    survivors = 0
    for broken in MUTANTS:
        if options.only not in broken.name:
            continue
        with tempfile.TemporaryDirectory() as name:
            break_in(Path(name), broken)
            told = killer(Path(name), options.suites, options.histories)
        survivors += told is None
        sys.stdout.write(f"{'killed  ' if told else 'SURVIVED'}  {broken.name:60}  {told or ''}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{survivors} survived\n")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
