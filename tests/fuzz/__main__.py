"""The long mode: `make fuzz MINUTES=10`. Exit code 1 if there is a finding; build/fuzz holds them.

With a seed the same is sent again, as far as the answers are the same.
"""

import argparse
import asyncio
import logging
import os
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.fuzzer import Fuzzer, Run, save
from tests.fuzz.tipo import open_tipo
from tests.say import say

PORTIONS = {"webhooks": 1_000, "slack": 200, "bytes": 1_000}
FINDINGS = Path("build/fuzz")
MAX_FINDINGS = 20
TOLD_EVERY_SECONDS = 30.0


async def fuzz(seed: str, cpu_seconds: float, folder: Path, findings: Path) -> Run:
    """Fuzz until so much CPU time is used; write what is found where it is looked for."""
    told = time.monotonic()
    async with open_tipo(folder) as tipo:
        fuzzer = Fuzzer(tipo, random.Random(seed))
        await fuzzer.begin()
        while time.process_time() < cpu_seconds and len(fuzzer.run.findings) < MAX_FINDINGS:
            for entrance, executions in PORTIONS.items():
                await fuzzer.fuzz(entrance, executions)
            if time.monotonic() - told > TOLD_EVERY_SECONDS:
                told = time.monotonic()
                say(progress(fuzzer.run))
                save(fuzzer.run, findings)
    return fuzzer.run


def progress(run: Run) -> str:
    """Return what was sent so far, and how it was answered."""
    told = [f"{each} {count:,}" for each, count in run.executions.items()]
    answers = [f"{each} {code}: {count:,}" for (each, code), count in sorted(run.statuses.items())]
    return (
        f"{', '.join(told)} in {time.process_time():.0f} s of CPU; {'; '.join(answers)}; "
        f"{len(run.findings)} findings"
    )


def main() -> int:
    """Fuzz, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of CPU time")
    parser.add_argument("--seed", default=secrets.token_hex(8))
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # thousands of refusals
    here = Path.cwd()
    say(f"seed {given.seed}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = here / FINDINGS
        run = asyncio.run(fuzz(given.seed, given.minutes * 60, Path(folder), found))
        os.chdir(here)
    say(progress(run))
    save(run, FINDINGS)
    return 1 if run.findings else 0


if __name__ == "__main__":
    sys.exit(main())
