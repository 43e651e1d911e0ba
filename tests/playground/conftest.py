"""A playground as a process of its own, and a browser in front of it."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.playground.browser import CHROMIUM

NO_CHROMIUM = "there is no chromium here: apt-get install chromium"


@contextmanager
def playground(folder, *options):
    """Run `tipo playground`; yield its address."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TIPO_")}
    with (folder / "playground.log").open("wb") as log:
        process = subprocess.Popen(
            (
                sys.executable,
                "-m",
                "sync_core.cli",
                "playground",
                "--port",
                "0",
                "--json",
                *options,
            ),
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(20) == 0
            finally:
                process.kill()
                process.stdout.close()


@pytest.fixture
def address(tmp_path):
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    with playground(tmp_path) as url:
        yield url
