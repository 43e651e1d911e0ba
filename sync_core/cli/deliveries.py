"""`tipo deliveries`: webhooks that could not be processed, and `tipo deliveries retry`."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import echo, echo_json, echo_table, format_time
from sync_core.cli.runtime import (
    EXIT_PROBLEM,
    MAX_NUMBER,
    AsJson,
    Yes,
    confirm,
    run_with_parts,
    timeout_option,
    user_name,
)
from sync_core.ports import QuarantinedDelivery

POLL_SECONDS = 0.2

DeliveryNumbers = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="[NUMBER...]",
        min=1,
        max=MAX_NUMBER,
        help="As in `tipo deliveries`; all if there is none.",
    ),
]
Timeout = Annotated[float, timeout_option("until they are processed")]


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
    count, listed = run_with_parts(lambda parts: parts.service.quarantined_deliveries())
    if as_json:
        echo_json({"count": count, "deliveries": listed})
    else:
        _print_deliveries(listed)
        if count > len(listed):
            echo(f"{count - len(listed):,} more.")
        if count:
            echo("Try them again: `tipo deliveries retry`.")
        else:
            echo("There are none: every webhook was processed.")
    if count:
        raise typer.Exit(EXIT_PROBLEM)


def _print_deliveries(listed: Sequence[QuarantinedDelivery]) -> None:
    if not listed:
        return
    echo_table(
        ("delivery", "store", "topic", "received", "webhook id", "why", "state"),
        (
            (
                each.id,
                each.store,
                each.topic,
                format_time(each.received_at),
                each.webhook_id,
                each.why,
                "to be retried" if each.retrying else "failed",
            )
            for each in listed
        ),
    )


def retry(
    numbers: DeliveryNumbers = None,
    *,
    yes: Yes = False,
    time_out: Timeout = 60.0,
    as_json: AsJson = False,
) -> None:
    """Process webhooks again that couldn't be processed: these, or all of them.

    Old numbers do no harm: Tipo reads the store where newer ones are known. Waits for the result
    if `tipo serve` runs; else it is done when that starts. Exit 1 if any fails again, or is not
    done in time.
    """
    which = "all webhooks that couldn't be processed" if not numbers else f"{len(numbers)} webhooks"
    if not confirm(f"Process {which} again?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: _retry(parts, numbers or None, time_out, as_json=as_json))


async def _retry(
    parts: Parts, numbers: Sequence[int] | None, time_out: float, *, as_json: bool
) -> None:
    """Have them tried again, wait, and say what came of it."""
    again = await parts.service.retry_deliveries(numbers, by=user_name())
    serving = await parts.service.is_serving()
    remaining = await _wait(parts, again, time_out if serving else 0.0)
    if as_json:
        echo_json({"retried": again, "serving": serving, "remaining": remaining})
    elif not serving and again:
        echo(f"{len(again):,} will be processed when `tipo serve` starts; it isn't running.")
    else:
        echo(f"Processed: {len(again) - len(remaining):,}. Not processed: {len(remaining):,}.")
        _print_deliveries(remaining)
    if serving and remaining:
        raise typer.Exit(EXIT_PROBLEM)


async def _wait(parts: Parts, numbers: Sequence[int], time_out: float) -> list[QuarantinedDelivery]:
    """Return which of them are not processed: at once when all have been tried, else in time."""
    wanted = set(numbers)
    remaining: list[QuarantinedDelivery] = []
    try:
        async with asyncio.timeout(time_out or None):
            while True:
                _, listed = await parts.service.quarantined_deliveries()
                remaining = [each for each in listed if each.id in wanted]
                if not time_out or not any(each.retrying for each in remaining):
                    return remaining
                await parts.clock.sleep(POLL_SECONDS)
    except TimeoutError:
        return remaining
