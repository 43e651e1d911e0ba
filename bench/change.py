"""From a change in one store to its write at the other, against a bare round trip of the two.

    python bench/change.py [CHANGES]                      default: 40

One change at a time, 0.7 s apart, in turn through Tipo (the serving process of service.py, on a
SQLite file) and through a server that does the least: it takes the webhook, and posts the mutation.
The store that is written to answers at once. The clock runs from the first byte of the webhook to
the arrival of the mutation. Medians, and the slowest of a hundred.
"""

import json
import os
import socket
import statistics
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from flood import bodies, requests
from receipt import Served, serving
from table import arguments, machine, markdown, times

PAUSE_SECONDS = 0.7  # longer than Tipo waits between two batches that are not full
MAX_SECONDS = 10.0


class Target(BaseHTTPRequestHandler):
    """A store that has done everything at once, and notes when it was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    arrived = threading.Event()
    at = 0.0

    def do_POST(self) -> None:
        """Answer a mutation."""
        Target.at = time.perf_counter()
        Target.arrived.set()
        self.rfile.read(int(self.headers["content-length"]))
        group = {"createdAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        done = {"inventoryAdjustmentGroup": group, "userErrors": []}
        answer = json.dumps({"data": {"inventoryAdjustQuantities": done}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_given: object) -> None:
        """Say nothing."""


def measure(served: Served, request: bytes) -> float:
    """Return after how many milliseconds a change is written."""
    Target.arrived.clear()
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        began = time.perf_counter()
        connection.sendall(request)
        if not Target.arrived.wait(MAX_SECONDS):
            raise SystemExit(f"not written after {MAX_SECONDS:g} s")
        connection.recv(4096)
    return 1000 * (Target.at - began)


def main() -> None:
    """Measure, and print the table."""
    (count,) = arguments(40)
    target = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    os.environ["TIPO_BENCH_STORE"] = f"http://127.0.0.1:{target.server_port}"
    made = requests(f"{time.time_ns():x}", bodies())
    seen: dict[str, list[float]] = {"bare": [], "writing": []}
    with serving(*seen) as servers:
        time.sleep(3)  # it introduces itself to its stores
        for n in range(3 + count):
            for mode, took in seen.items():
                found = measure(servers[mode], next(made))
                if n >= 3:  # warm
                    took.append(found)
            time.sleep(PAUSE_SECONDS)
    rows = [["one change at a time", "median ms", "slowest ms"]]
    for name, took in (("bare round trip", seen["bare"]), ("Tipo", seen["writing"])):
        rows.append([name, f"{statistics.median(took):.1f}", f"{max(took):.1f}"])
    middle, worst = (
        times(by(seen["writing"]) / by(seen["bare"])) for by in (statistics.median, max)
    )
    rows.append(["ratio", middle, worst])
    sys.stdout.write(f"{machine()}\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
