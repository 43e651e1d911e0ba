"""The narration: what a person reads while the scenes are played."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from sandbox.demo.chat import ChatResult
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.scenes import JACKET_NAME, SKU, FinalCount, SceneResult, ShownChange

SLOW_MS = 1000
POLL_SECONDS = 0.1  # seconds between checks of what is new in Slack
WHY_SLOW = "(a sale crossed Tipo's own write, so it read that store again 2 s later, to be sure)"


def print_start(out: Console) -> None:
    """Say what takes the first seconds."""
    out.print("Starting two stores, a Slack workspace and Tipo; all of it takes about 20 seconds.")


def print_stores(out: Console, demo: DemoEnvironment) -> None:
    """Print the stores and Tipo, with their addresses."""
    out.print()
    source, other = demo.shops["eu"], demo.shops["us"]
    out.print("Two stores that share their stock", style="bold")
    out.print(f"  eu, the source        {source.name}  {demo.stores_url}/eu")
    out.print(f"  us, the destination   {other.name}  {demo.stores_url}/us")
    out.print(f"  Tipo, two-way         `tipo serve`  {demo.tipo_url}")
    out.print(f"  {JACKET_NAME}: {source.available(SKU)} in eu, {other.available(SKU)} in us")


def print_scene(out: Console, number: int, scene: SceneResult) -> None:
    """Print a scene that has been played."""
    out.print()
    out.print(f"{number}. {scene.title}", style="bold")
    for line in scene.lines:
        out.print(_line(line))
    if scene.holds:
        verdict = f"   in sync at {scene.should_show} after {scene.ms} ms"
        out.print(verdict, style="green")
        if scene.ms is not None and scene.ms > SLOW_MS:
            out.print(f"   {WHY_SLOW}", style="dim")
    else:
        out.print(
            f"   NOT in sync: {_shows(scene.shows)}, not {scene.should_show}", style="bold red"
        )


def _line(line: ShownChange) -> Text:
    change = f"{line.before} {line.delta:+d} = {line.after}"
    words = f"   {line.store}  {change:<14} {line.words:<12} {line.ms:>5} ms"
    return Text(words, style="cyan" if line.by_tipo else "")


def _shows(shows: dict[str, int]) -> str:
    return ", ".join(f"{alias} shows {quantity}" for alias, quantity in shows.items())


def print_final_count(out: Console, ending_: FinalCount) -> None:
    """Print the totals."""
    out.print()
    out.print("At the end", style="bold")
    style = "green" if ending_.holds else "bold red"
    total = ending_.started_with + ending_.changed_by_people
    out.print(f"   stores in sync    {_shows(ending_.shows)}", style=style)
    out.print(
        f"   units conserved   {ending_.started_with} at first {ending_.changed_by_people:+d} by "
        f"people = {total}: none lost, none invented",
        style=style,
    )
    out.print(
        f"   everything else   {ending_.equal_levels} of {ending_.levels} levels are in sync",
        style=style,
    )


@dataclass(slots=True)
class ChatPrinter:
    """Prints what is said in Slack as it is said."""

    out: Console
    demo: DemoEnvironment
    printed: int = 0  # lines; what has been said never changes

    def print_new(self) -> None:
        """Show what is new."""
        lines = self.demo.team.transcript().splitlines()
        for line in lines[self.printed :]:
            self.out.print(f"   {line}" if line else "")
        self.printed = len(lines)

    async def follow(self) -> None:
        """Show what is new until cancelled."""
        while True:
            self.print_new()
            await self.demo.clock.sleep(POLL_SECONDS)


def print_heading(out: Console, words: str) -> None:
    """Begin a part."""
    out.print()
    out.print(words, style="bold")


def print_chat_failures(out: Console, chat_result: ChatResult) -> None:
    """Say what did not happen in Slack, if anything."""
    if not chat_result.alerted:
        out.print("   NOT alerted: what was sold twice, or no answer came", style="bold red")
    if not chat_result.settled:
        out.print("   NOT fixed: what the lost webhook left behind", style="bold red")


def print_next_steps(out: Console) -> None:
    """Say where to go from here."""
    out.print()
    out.print("What next", style="bold")
    out.print("   tipo doctor        checks the settings of your own stores, see docs/set-up.md")
    out.print("   tipo demo --keep   leaves all of it running, for curl")
    out.print("   tipo playground    all of it on one page, to play with")


def print_kept_running(out: Console, demo: DemoEnvironment) -> None:
    """Say how to play with what is left running."""
    out.print()
    out.print("It all runs on, until Ctrl-C", style="bold")
    for alias in demo.shops:
        out.print(f"   store {alias}    {demo.stores_url}/control/{alias}/stock")
    out.print(f"   Tipo        {demo.tipo_url}/readyz")
    given = f'{{"item": "{SKU}", "quantity": 1}}'
    out.print("   sell one:")
    out.print(f"      curl -X POST {demo.stores_url}/control/us/sell -d '{given}'")
    out.print("   ask Tipo:")
    out.print(f"      cd {demo.folder} && tipo history {SKU}")
