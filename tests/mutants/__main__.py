"""Break each rule on purpose, in a copy, and say which test notices first. `make mutants`.

The tests that a mutant names are asked first, then those that are called as the broken module is,
then the suites: the quick ones first, the simulation last. `--suites simulation` says what the
simulation alone notices. What it cannot see (a rule that another one heals) must have a test of its
own. A mutant on which a suite does not come to an end is killed by the clock. Exit code 1 if a
mutant survives. Before that, the nearest tests must pass on what is not broken.
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
from pathlib import Path

from tests.mutants.table import MUTANTS, Mutant
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
    """Return what is wrong: each edit must be found exactly once, and the tests that are named."""
    texts = {file: (ROOT / file).read_text() for file, _, _ in broken.edits}
    path, _, test = broken.first.partition("::")
    is_there = (ROOT / path).exists() and (not test or f"def {test}(" in (ROOT / path).read_text())
    return [
        *([] if is_there else [f"{broken.name}: there is no {broken.first}"]),
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
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly",
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


def unfit(chosen: list[Mutant], histories: int) -> str | None:
    """Return which of the nearest tests fails although nothing is broken: it notices nothing."""
    nearest = sorted({tests for each in chosen for tests in nearest_tests(each)[:1]})
    with tempfile.TemporaryDirectory() as name:
        apply_mutant(Path(name), Mutant("none", ()))
        return first_failure(Path(name), nearest, 1800, histories)


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
    if failing := unfit(chosen, options.histories):
        raise SystemExit(f"fails on what is not broken: {failing}")
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
