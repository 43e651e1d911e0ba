"""The show: set the stage, play every scene, tell it, and count up."""

import asyncio
import json
import signal
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console

from sandbox.demo import transcript
from sandbox.demo.conversation import Talked, talk
from sandbox.demo.scenes import Ending, Played, end, play, scenes
from sandbox.demo.stage import NoShow, Stage, set_stage
from sync_core.clock import WallClock

__all__ = ["NoShow", "give"]


async def give(folder: Path, out: Console, *, keep: bool, as_json: bool) -> bool:
    """Give the show in a folder; return whether all that must hold holds.

    Raises:
        NoShow: If the stage cannot be set.
    """
    transcript.starting(out)
    try:
        async with set_stage(folder, WallClock()) as stage:
            good = await _play(stage, out, as_json=as_json)
            if keep:
                transcript.kept(out, stage)
                await _until_stopped()
            else:
                transcript.what_next(out)
    except* NoShow as group:
        raise group.exceptions[0] from None
    return good


async def _play(stage: Stage, out: Console, *, as_json: bool) -> bool:
    """Play every scene, tell it, and return whether all hold."""
    transcript.opening(out, stage)
    conversation = transcript.Conversation(out, stage)
    transcript.heading(out, "In Slack, ann connects the stores")
    conversation.tell()
    played: list[Played] = []
    for number, scene in enumerate(scenes(), 1):
        played.append(await play(stage, scene))
        transcript.told(out, number, played[-1])
    last = end(stage)
    transcript.ending(out, last)
    transcript.heading(out, "Meanwhile in Slack")
    async with asyncio.TaskGroup() as group:
        following = group.create_task(conversation.follow())
        talked = await talk(stage)
        following.cancel()
    conversation.tell()
    transcript.talked_well(out, talked)
    good = last.holds and all(each.holds for each in played) and talked.holds
    if not good:
        out.print(f"\nThe last lines of Tipo's log:\n{stage.log_tail()}")
    if as_json:
        typer.echo(json.dumps(_plain(stage, played, last, talked), indent=2))
    return good


def _plain(stage: Stage, played: list[Played], last: Ending, talked: Talked) -> dict[str, object]:
    return {
        "holds": last.holds and all(each.holds for each in played) and talked.holds,
        "stores": {alias: f"{stage.stores_url}/{alias}" for alias in stage.shops},
        "tipo": stage.tipo_url,
        "scenes": [{**asdict(each), "holds": each.holds} for each in played],
        "end": {**asdict(last), "holds": last.holds},
        "conversation": {**asdict(talked), "holds": talked.holds},
    }


async def _until_stopped() -> None:
    """Return at SIGTERM or Ctrl-C."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
