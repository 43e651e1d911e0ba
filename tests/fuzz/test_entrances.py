"""A few thousand requests that are signed and odd; `make fuzz` goes on for as long as you like."""

import random
import secrets

from tests.fuzz.fuzzer import Fuzzer
from tests.fuzz.tipo import open_tipo

EXECUTIONS = {"webhooks": 1_500, "slack": 600, "bytes": 1_500}


async def test_nothing_that_is_sent_is_tipos_fault(tmp_path, monkeypatch):
    seed = secrets.token_hex(8)
    monkeypatch.chdir(tmp_path)
    async with open_tipo(tmp_path) as tipo:
        fuzzer = Fuzzer(tipo, random.Random(seed))
        await fuzzer.begin()
        for entrance, executions in EXECUTIONS.items():
            await fuzzer.fuzz(entrance, executions)
    run = fuzzer.run
    assert run.findings == [], f"seed {seed}"
    assert run.statuses["webhooks", 200] > 50
    assert run.statuses["webhooks", 400] > 50
    assert run.statuses["slack", 200] > 50
    assert run.statuses["slack", 400] > 50
