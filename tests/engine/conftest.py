"""The whole engine in virtual time: see tests/simulation/house.py."""

import pytest

from tests.simulation.house import House


@pytest.fixture
def house():
    """Return a builder of houses; whatever it builds is closed at the end."""
    built = []

    def build(**given):
        built.append(House(**given))
        if given.get("opened"):
            built[-1].advance(2)  # the process has said hello to the stores
        return built[-1]

    yield build
    for each in built:
        each.close()
