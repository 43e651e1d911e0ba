"""`tipo deliveries`: webhooks that could not be processed, and `tipo deliveries retry`."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app import Parts
from sync_core.cli.printing import moment, say, say_json, show
from sync_core.cli.running import BAD_NEWS, AsJson, Yes, confirm, using, who
from sync_core.ports import SetAside

POLL_SECONDS = 0.2

Numbers = Annotated[
    list[int] | None,
    typer.Argument(metavar="[NUMBER...]", help="As in `tipo deliveries`; all if there is none."),
]
TimeOut = Annotated[
    float, typer.Option("--time-out", min=0, help="Seconds to wait until they are processed.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(pretty_exceptions_enable=False)
    group.callback(invoke_without_command=True)(deliveries)
    group.command("retry")(retry)
    app.add_typer(group, name="deliveries")


def deliveries(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the webhooks that could not be processed; Tipo keeps them until they are.

    Exit 1 if there are any. `tipo deliveries retry` tries them again, best after an update.
    """
    if context.invoked_subcommand is not None:
        return
    count, listed = using(lambda parts: parts.service.deliveries_set_aside())
    if as_json:
        say_json({"count": count, "deliveries": listed})
    else:
        _print(listed)
        if count > len(listed):
            say(f"{count - len(listed):,} more.")
        if count:
            say("Try them again: `tipo deliveries retry`.")
        else:
            say("There are none: every webhook was processed.")
    if count:
        raise typer.Exit(BAD_NEWS)


def _print(listed: Sequence[SetAside]) -> None:
    if not listed:
        return
    show(
        ("delivery", "store", "topic", "received", "webhook id", "why", "state"),
        (
            (
                each.id,
                each.store,
                each.topic,
                moment(each.received_at),
                each.webhook_id,
                each.why,
                "waiting to be retried" if each.retrying else "set aside",
            )
            for each in listed
        ),
    )


def retry(
    numbers: Numbers = None, *, yes: Yes = False, time_out: TimeOut = 60.0, as_json: AsJson = False
) -> None:
    """Process webhooks that were set aside again: these, or all of them.

    Old numbers do no harm: Tipo reads the store where newer ones are known. Waits for the result
    if `tipo serve` runs; else it is done when that starts. Exit 1 if any fails again, or is not
    done in time.
    """
    which = "all webhooks that were set aside" if not numbers else f"{len(numbers)} webhooks"
    if not confirm(f"Process {which} again?", yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: _retry(parts, numbers or None, time_out, as_json=as_json))


async def _retry(
    parts: Parts, numbers: Sequence[int] | None, time_out: float, *, as_json: bool
) -> None:
    """Have them tried again, wait, and say what came of it."""
    again = await parts.service.retry_deliveries(numbers, by=who())
    serving = await parts.service.is_serving()
    left = await _wait(parts, again, time_out if serving else 0.0)
    if as_json:
        say_json({"retried": again, "serving": serving, "left": left})
    elif not serving and again:
        say(f"{len(again):,} will be processed when `tipo serve` runs; it does not now.")
    else:
        say(f"Processed: {len(again) - len(left):,}. Not processed: {len(left):,}.")
        _print(left)
    if serving and left:
        raise typer.Exit(BAD_NEWS)


async def _wait(parts: Parts, numbers: Sequence[int], time_out: float) -> list[SetAside]:
    """Return which of them are not processed: at once when all have been tried, else in time."""
    wanted = set(numbers)
    left: list[SetAside] = []
    try:
        async with asyncio.timeout(time_out or None):
            while True:
                _, listed = await parts.service.deliveries_set_aside()
                left = [each for each in listed if each.id in wanted]
                if not time_out or not any(each.retrying for each in left):
                    return left
                await parts.clock.sleep(POLL_SECONDS)
    except TimeoutError:
        return left
