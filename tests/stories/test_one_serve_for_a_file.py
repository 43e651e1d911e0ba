"""A second `tipo serve` on one SQLite file is refused; a killed one leaves nothing in the way."""

import pytest

from tests.stories.conftest import free_port


@pytest.fixture
def served(harness):
    harness.open_stores()
    harness.serve()
    harness.until(harness.is_up, "Tipo serves")
    return harness


def test_a_second_serve_says_which_process_is_in_its_way(served):
    own, served.environment["TIPO_PORT"] = served.environment["TIPO_PORT"], str(free_port())
    refused = served.tipo("serve")
    served.environment["TIPO_PORT"] = own
    assert refused.returncode == 2
    assert f"process {served.serving.pid}" in refused.stderr
    assert "PostgreSQL" in refused.stderr
    assert served.is_up()
    assert served.tipo("status").returncode == 0  # commands work beside it


def test_after_a_kill_the_next_one_starts(served):
    served.kill()
    served.serve()
    served.until(served.is_up, "Tipo serves again")
