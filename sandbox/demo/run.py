"""Run the demo: start everything, play every scene, print it, and count up."""

import asyncio
import json
import signal
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console

from sandbox.demo import narration
from sandbox.demo.chat import ChatResult, play_chat
from sandbox.demo.environment import DemoEnvironment, DemoFailed, start_environment
from sandbox.demo.scenes import FinalCount, SceneResult, count_up, play, scenes
from sync_core.clock import WallClock

__all__ = ["DemoFailed", "run_demo"]


async def run_demo(folder: Path, out: Console, *, keep: bool, as_json: bool) -> bool:
    """Run the demo in a folder; return whether every check holds.

    Raises:
        DemoFailed: If the demo cannot be started.
    """
    narration.print_start(out)
    try:
        async with start_environment(folder, WallClock()) as demo:
            good = await _play(demo, out, as_json=as_json)
            if keep:
                narration.print_kept_running(out, demo)
                await _until_stopped()
            else:
                narration.print_next_steps(out)
    except* DemoFailed as group:
        raise group.exceptions[0] from None
    return good


async def _play(demo: DemoEnvironment, out: Console, *, as_json: bool) -> bool:
    """Play every scene, print it, and return whether all hold."""
    narration.print_stores(out, demo)
    chat = narration.ChatPrinter(out, demo)
    narration.print_heading(out, "In Slack, ann connects the stores")
    chat.print_new()
    played: list[SceneResult] = []
    for number, scene in enumerate(scenes(), 1):
        played.append(await play(demo, scene))
        narration.print_scene(out, number, played[-1])
    last = count_up(demo)
    narration.print_final_count(out, last)
    narration.print_heading(out, "Meanwhile in Slack")
    async with asyncio.TaskGroup() as group:
        following = group.create_task(chat.follow())
        chat_result = await play_chat(demo)
        following.cancel()
    chat.print_new()
    narration.print_chat_failures(out, chat_result)
    good = last.holds and all(each.holds for each in played) and chat_result.holds
    if not good:
        out.print(f"\nThe last lines of Tipo's log:\n{demo.log_tail()}")
    if as_json:
        typer.echo(json.dumps(_plain(demo, played, last, chat_result), indent=2))
    return good


def _plain(
    demo: DemoEnvironment, played: list[SceneResult], last: FinalCount, chat_result: ChatResult
) -> dict[str, object]:
    return {
        "holds": last.holds and all(each.holds for each in played) and chat_result.holds,
        "stores": {alias: f"{demo.stores_url}/{alias}" for alias in demo.shops},
        "tipo": demo.tipo_url,
        "scenes": [{**asdict(each), "holds": each.holds} for each in played],
        "end": {**asdict(last), "holds": last.holds},
        "conversation": {**asdict(chat_result), "holds": chat_result.holds},
    }


async def _until_stopped() -> None:
    """Return at SIGTERM or Ctrl-C."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
