"""The transcript: what a person reads while the scenes are played."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from sandbox.demo.conversation import Talked
from sandbox.demo.scenes import NAME, SKU, Ending, Line, Played
from sandbox.demo.stage import Stage

SLOW = 1000  # milliseconds
ROUND = 0.1  # seconds between looks at what is new in Slack
WHY_SLOW = "(a sale crossed Tipo's own write, so it read that store again 2 s later, to be sure)"


def starting(out: Console) -> None:
    """Say what takes the first seconds."""
    out.print("Starting two stores, a Slack workspace and Tipo; all of it takes about 20 seconds.")


def opening(out: Console, stage: Stage) -> None:
    """Say who plays."""
    out.print()
    source, other = stage.shops["eu"], stage.shops["us"]
    out.print("Two stores that share their stock", style="bold")
    out.print(f"  eu, the source        {source.name}  {stage.stores_url}/eu")
    out.print(f"  us, the destination   {other.name}  {stage.stores_url}/us")
    out.print(f"  Tipo, two-way         `tipo serve`  {stage.tipo_url}")
    out.print(f"  {NAME}: {source.available(SKU)} in eu, {other.available(SKU)} in us")


def told(out: Console, number: int, scene: Played) -> None:
    """Tell a scene that has been played."""
    out.print()
    out.print(f"{number}. {scene.title}", style="bold")
    for line in scene.lines:
        out.print(_line(line))
    if scene.holds:
        verdict = f"   equal at {scene.should_show} after {scene.ms} ms"
        out.print(verdict, style="green")
        if scene.ms is not None and scene.ms > SLOW:
            out.print(f"   {WHY_SLOW}", style="dim")
    else:
        out.print(f"   NOT equal: {_shows(scene.shows)}, not {scene.should_show}", style="bold red")


def _line(line: Line) -> Text:
    change = f"{line.before} {line.delta:+d} = {line.after}"
    words = f"   {line.store}  {change:<14} {line.words:<12} {line.ms:>5} ms"
    return Text(words, style="cyan" if line.by_tipo else "")


def _shows(shows: dict[str, int]) -> str:
    return ", ".join(f"{alias} shows {quantity}" for alias, quantity in shows.items())


def ending(out: Console, ending_: Ending) -> None:
    """Count up."""
    out.print()
    out.print("At the end", style="bold")
    style = "green" if ending_.holds else "bold red"
    total = ending_.started_with + ending_.changed_by_people
    out.print(f"   stores equal      {_shows(ending_.shows)}", style=style)
    out.print(
        f"   units conserved   {ending_.started_with} at first {ending_.changed_by_people:+d} by "
        f"people = {total}: none lost, none invented",
        style=style,
    )
    out.print(
        f"   everything else   {ending_.equal_levels} of {ending_.levels} levels are equal",
        style=style,
    )


@dataclass(slots=True)
class Conversation:
    """What is said in Slack, shown as it is said."""

    out: Console
    stage: Stage
    told: int = 0  # lines; what has been said never changes

    def tell(self) -> None:
        """Show what is new."""
        lines = self.stage.team.transcript().splitlines()
        for line in lines[self.told :]:
            self.out.print(f"   {line}" if line else "")
        self.told = len(lines)

    async def follow(self) -> None:
        """Show what is new until cancelled."""
        while True:
            self.tell()
            await self.stage.clock.sleep(ROUND)


def heading(out: Console, words: str) -> None:
    """Begin a part."""
    out.print()
    out.print(words, style="bold")


def talked_well(out: Console, talked: Talked) -> None:
    """Say what did not happen in Slack, if anything."""
    if not talked.alerted:
        out.print("   NOT told: what was sold twice, or no answer came", style="bold red")
    if not talked.settled:
        out.print("   NOT settled: what the lost webhook left behind", style="bold red")


def what_next(out: Console) -> None:
    """Say where to go from here."""
    out.print()
    out.print("What next", style="bold")
    out.print("   tipo demo --keep   leaves all of it running, to play with")
    out.print("   tipo doctor        checks the settings of your own stores, see README.md")


def kept(out: Console, stage: Stage) -> None:
    """Say how to play with what is left running."""
    out.print()
    out.print("It all runs on, until Ctrl-C", style="bold")
    for alias in stage.shops:
        out.print(f"   store {alias}    {stage.stores_url}/control/{alias}/stock")
    out.print(f"   Tipo        {stage.tipo_url}/readyz")
    given = f'{{"item": "{SKU}", "quantity": 1}}'
    out.print("   sell one:")
    out.print(f"      curl -X POST {stage.stores_url}/control/us/sell -d '{given}'")
    out.print("   ask Tipo:")
    out.print(f"      cd {stage.folder} && tipo history {SKU}")
