"""What receiving webhooks costs: answers after a commit, against the same without a database.

    python bench/receipt.py [ROUNDS [SECONDS]]      default: 5 rounds of 3 s for each
    TIPO_BENCH_URL=postgresql://…                   on that database instead of a SQLite file

Three servers (see service.py), each a process; another process floods one after the other over 64
connections, each of which sends its next webhook when the last is answered:

    parse      verifies and parses each webhook, and answers: no database
    idle       answers after the commit; nothing is processed
    folding    answers after the commit; the engine processes what has arrived, and writes to stores
               that answer at once

Interleaved rounds, medians. CPU is what a server used itself, user and system, for each webhook: a
busy machine distorts it least.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from flood import flood
from table import arguments, machine, markdown, times, with_spread

MODES = ("parse", "idle", "folding")
FIGURES = {"rate": ".0f", "p50": ".1f", "p99": ".1f", "cpu": ".0f"}


class Served:
    """One server under measurement."""

    def __init__(self, mode: str, url: str, prefix: tuple[str, ...] = ()) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        script = Path(__file__).with_name("service.py")
        words = (*prefix, sys.executable, str(script), mode, str(self.port), url)
        self.process = subprocess.Popen(words)
        self._url = f"http://127.0.0.1:{self.port}"
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                httpx.get(f"{self._url}/healthz")
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise SystemExit("the server has not started")

    def figures(self) -> dict[str, float]:
        """Return what the server says of itself."""
        return httpx.get(f"{self._url}/figures", timeout=60).json()

    def drain(self, seconds: float = 120) -> float:
        """Return after how many seconds all is processed."""
        began = time.monotonic()
        while self.figures()["left"] and time.monotonic() - began < seconds:
            time.sleep(0.1)
        return time.monotonic() - began

    def flood(self, seconds: float, connections: int = 64, rate: float | None = None) -> dict:
        """Return what a flood saw, and the microseconds of CPU that each webhook took."""
        before = self.figures()["cpu"]
        words = flood(self.port, seconds, connections, rate)
        seen = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        spent = self.figures()["cpu"] - before
        seen["rate"] = seen["answered"] / seen["seconds"]
        seen["cpu"] = 1e6 * spent / max(1, seen["answered"])
        return seen


@contextmanager
def serving(*modes: str, prefix: tuple[str, ...] = ()) -> Iterator[dict[str, Served]]:
    """Serve in these modes, each from a database of its own."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TIPO_BENCH_FOLDER")) as folder:
        url = os.environ.get("TIPO_BENCH_URL")
        opened = {}
        try:
            for each in modes:
                opened[each] = Served(each, url or f"sqlite:///{folder}/{each}.db", prefix)
            yield opened
        finally:
            for each in opened.values():
                each.process.terminate()
                each.process.wait(30)


def measure(rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Return what each round saw, by server and figure."""
    seen: dict[str, dict[str, list[float]]] = {mode: {} for mode in MODES}
    with serving(*MODES) as servers:
        for each in servers.values():
            each.flood(1)  # warm
        for _ in range(rounds):
            for mode, server in servers.items():
                if mode == "folding":
                    server.drain()
                found = server.flood(seconds)
                if found["failed"]:
                    raise SystemExit(f"{mode}: {found['failed']} webhooks were not answered 200")
                for name in FIGURES:
                    seen[mode].setdefault(name, []).append(found[name])
    return seen


def main() -> None:
    """Measure, and print the table."""
    seen = measure(*arguments(5, 3.0))
    rows = [["webhooks received", "a second", "p50 ms", "p99 ms", "CPU µs", "rate", "p99", "CPU"]]
    peer = seen["parse"]
    for mode, figures in seen.items():
        ratios = [
            statistics.median(a / b for a, b in zip(figures[name], peer[name], strict=True))
            for name in ("rate", "p99", "cpu")
        ]
        rows.append(
            [
                mode,
                *(with_spread(figures[name], form) for name, form in FIGURES.items()),
                *(times(each) for each in ratios),
            ]
        )
    sys.stdout.write(f"{machine()}\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
