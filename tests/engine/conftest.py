"""The whole engine in virtual time: see tests/simulation/harness.py."""

import pytest

from tests.simulation.harness import Harness


@pytest.fixture
def build_harness():
    """Return a builder of harnesses; each is closed at the end."""
    built = []

    def build(**given):
        built.append(Harness(**given))
        if given.get("opened"):
            built[-1].advance(2)  # the process has said hello to the stores
        return built[-1]

    yield build
    for each in built:
        each.close()
