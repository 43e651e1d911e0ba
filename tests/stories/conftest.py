"""Real processes: imitation stores, `tipo serve`, and people who type commands."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from sync_core.shopify.http_client import trusted_authorities
from tests.judge import Change, complaints
from tests.stories.people import MOVES

HOST = "127.0.0.1"
TIPO = (sys.executable, "-m", "sync_core.cli")
MAX_WAIT_SECONDS = 30.0


def free_port():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


class Harness:
    """Two stores in one process, Tipo in another; nothing is shared but environment variables."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.stores = f"http://{HOST}:{free_port()}"
        self.port = free_port()
        self.client = httpx.Client(timeout=10, trust_env=False, verify=trusted_authorities())
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TIPO_")}
        self.processes = []
        self.files = []
        self.others = []
        self.serving = None
        self.start = {}  # what every store showed at first, by SKU
        self.changes = []  # what people have asked for since

    # -- processes

    def open_stores(self, products=5, aliases="eu,us"):
        port = self.stores.rpartition(":")[2]
        shop = (sys.executable, "-m", "sandbox", "--port", port, "--products", str(products))
        shop = (*shop, "--stores", aliases)
        self._start(shop, out="settings.txt")
        self.until(lambda: self._answers(f"{self.stores}/control/us/stock"), "the stores open")
        self.start = self.stock("us")
        lines = (self.folder / "settings.txt").read_text().splitlines()
        self.environment |= dict(line.split("=", 1) for line in lines)
        self.environment |= {
            "TIPO_DATABASE_URL": f"sqlite:///{self.folder / 'tipo.db'}",
            "TIPO_PORT": str(self.port),
            "TIPO_PUBLIC_URL": f"http://{HOST}:{self.port}",
        }

    def serve(self):
        """Start `tipo serve` and return at once."""
        self.serving = self._start((*TIPO, "serve"), out="tipo.log")

    def second(self, name):
        """Another Tipo on the same stores: another process, another database."""
        other = Harness(self.folder / name)
        other.folder.mkdir()
        other.stores = self.stores
        other.start, other.changes = self.start, self.changes
        other.environment = self.environment | {
            "TIPO_DATABASE_URL": f"sqlite:///{other.folder / 'tipo.db'}",
            "TIPO_PORT": str(other.port),
            "TIPO_PUBLIC_URL": f"http://{HOST}:{other.port}",
        }
        self.others.append(other)
        return other

    def is_up(self):
        return self._answers(f"http://{HOST}:{self.port}/healthz")

    def kill(self):
        """Kill -9: no farewell, no flushing."""
        self.serving.send_signal(signal.SIGKILL)
        self.serving.wait(10)

    def tipo(self, *words):
        return subprocess.run(
            (*TIPO, *words),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def _start(self, command, out):
        file = (self.folder / out).open("ab")
        self.files.append(file)
        started = subprocess.Popen(
            command, env=self.environment, cwd=self.folder, stdout=file, stderr=file
        )
        self.processes.append(started)
        return started

    def close(self):
        for other in self.others:
            other.close()
        for each in reversed(self.processes):
            if each.poll() is None:
                each.terminate()
            try:
                each.wait(15)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait(15)
        for file in self.files:
            file.close()
        self.client.close()

    # -- stores

    def perform(self, alias, verb, **given):
        answer = self.client.post(f"{self.stores}/control/{alias}/{verb}", json=given)
        answer.raise_for_status()
        if verb in MOVES:
            delta = MOVES[verb] * given.get("quantity", 1)
            self.changes.append(Change(alias, given["item"], delta))
        return answer.json()

    def stock(self, alias):
        """What each item of a store really has, by SKU."""
        rows = self.client.get(f"{self.stores}/control/{alias}/stock").json()
        return {row["sku"]: row["available"] for row in rows}

    def shows(self, sku):
        return {alias: self.stock(alias)[sku] for alias in ("eu", "us")}

    def complaints(self):
        """What a judge says of both stores who knows nothing of Tipo."""
        return complaints(
            self.start, self.changes, {alias: self.stock(alias) for alias in ("eu", "us")}
        )

    # -- patience

    def until(self, holds, what, seconds=MAX_WAIT_SECONDS):
        """Wait for something; return how long it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, (
                f"{what}: not after {seconds} s\n{self.log()}"
            )
            time.sleep(0.02)
        return time.monotonic() - began

    def log(self):
        file = self.folder / "tipo.log"
        return file.read_text()[-3000:] if file.exists() else ""

    def _answers(self, url):
        try:
            return self.client.get(url).is_success
        except httpx.HTTPError:
            return False


@pytest.fixture
def harness(tmp_path):
    made = Harness(tmp_path)
    try:
        yield made
    finally:
        made.close()
