"""Programs in the same process that show Tipo to people. The core knows none by name."""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Protocol

from starlette.routing import Route

from sync_core.app.parts import Parts
from sync_core.domain.checks import Check
from sync_core.domain.questions import Step

AskedSteps = Callable[[str | None], Sequence[Step]]
"""Returns what a frontend asks a person at set-up, given the public address, if there is one."""


class Frontend(Protocol):
    """What each must be; packages announce theirs in the entry-point group `tipo.frontends`."""

    name: str
    routes: Sequence[Route]

    async def run(self) -> None:
        """Show and tell until cancelled; started again when it fails."""

    async def checks(self, step: str = "") -> list[Check]:
        """Return what `tipo doctor` says of it, or of what one step of the set-up is about."""

    def health(self) -> dict[str, object]:
        """Return how it is, in plain JSON."""


def open_frontends(parts: Parts) -> list[Frontend]:
    """Return those that the settings ask for."""
    made = (entry.load()(parts) for entry in entry_points(group="tipo.frontends"))
    return [frontend for frontend in made if frontend is not None]


def set_up_steps() -> dict[str, AskedSteps]:
    """Return what each frontend asks, by its name, as announced in the group `tipo.init`."""
    return {entry.name: entry.load() for entry in entry_points(group="tipo.init")}
