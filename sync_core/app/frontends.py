"""Programs in the same process that show Tipo to people. The core knows none by name."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Protocol

from starlette.routing import Route

from sync_core.app.parts import Parts
from sync_core.domain.checks import Check


class Frontend(Protocol):
    """What each must be; packages announce theirs in the entry-point group `tipo.frontends`."""

    name: str
    routes: Sequence[Route]

    async def run(self) -> None:
        """Show and tell until cancelled; started again when it fails."""

    async def checks(self) -> list[Check]:
        """Return what `tipo doctor` should say of it."""

    def health(self) -> dict[str, object]:
        """Return how it is, in plain JSON."""


def open_frontends(parts: Parts) -> list[Frontend]:
    """Return those that the settings ask for."""
    made = (entry.load()(parts) for entry in entry_points(group="tipo.frontends"))
    return [frontend for frontend in made if frontend is not None]
