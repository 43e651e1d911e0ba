"""`tipo check`: compare the stores now, and say what differs, why, and what may be done.

what came of it                                            exit
---------------------------------------------------------  ----
nothing waits for a person                                 0
something differs, or an export is not believed            1
the stores could not be compared, or not in time           2
Ctrl-C                                                     130
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import typer

from sync_core.app.parts import Parts
from sync_core.cli.comparison import (
    COMPARISON_TIMEOUT_SECONDS,
    ComparisonImpossible,
    ComparisonTimedOut,
    Timeout,
    require_stores,
    wait_for_report,
)
from sync_core.cli.output import echo, echo_json, echo_table, format_age
from sync_core.cli.runtime import EXIT_PROBLEM, AsJson, CommandFailed, run_with_parts, user_name
from sync_core.cli.status import count_waiting
from sync_core.domain.drift import PASSING, cause
from sync_core.domain.proposals import Proposal, Report, ReportKind
from sync_core.domain.suggestions import levels_text, suggested_fix
from sync_core.domain.views import Finding
from sync_core.errors import cut

MAX_FINDINGS_SHOWN = 50
MAX_COMPARISONS = 3  # comparisons for something else to wait for
EXIT_INTERRUPTED = 130  # what a shell expects after Ctrl-C
KIND_NAMES = {
    "missed": "missed change",
    "one_way": "change in a one-way store",
    "differs": "different in the initial comparison",
    "no_partner": "without a match",
    "ambiguous": "ambiguous match",
    "export_odd": "export that can't be right",
}
OpenFindings = Sequence[tuple[Finding, Proposal | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a comparison came to."""

    report: Report
    open_findings: OpenFindings  # the first of them
    now: datetime

    @property
    def counts(self) -> dict[str, int]:
        """How many findings wait for a person, by kind."""
        return {kind: n for kind, n in self.report.counts.items() if kind not in PASSING}

    @property
    def drift(self) -> int:
        """How many there are in all."""
        return count_waiting(self.report)

    @property
    def disbelieved(self) -> list[str]:
        """The stores whose export cannot be what they hold."""
        return as_texts(self.report.summary.get("disbelieved"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(*, time_out: Timeout = COMPARISON_TIMEOUT_SECONDS, as_json: AsJson = False) -> None:
    """Compare the stores now; exit 1 if a mismatch needs a decision.

    If `tipo serve` runs, it compares; else this command does. Nothing is written to any store:
    fixes are approved in Slack. Exit 0: no mismatch needs a decision (ignored ones do not
    count). Exit 2: the stores could not be compared.
    """
    try:
        found = run_with_parts(lambda parts: _check(parts, time_out))
    except KeyboardInterrupt:
        typer.echo(
            "tipo: stopped; `tipo serve` or the next `tipo check` finishes the comparison",
            err=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if as_json:
        echo_json(_as_json(found))
    else:
        _print_result(found)
    if found.drift or found.disbelieved:
        raise typer.Exit(EXIT_PROBLEM)


async def _check(parts: Parts, time_out: float) -> CheckResult:
    try:
        report = await _compare(parts, time_out)
    except ComparisonTimedOut as exc:
        raise CommandFailed(
            f"{exc}; `tipo serve` or the next `tipo check` finishes it: --time-out waits longer, "
            "and `tipo status` shows the last report"
        ) from exc
    except ComparisonImpossible as exc:
        raise CommandFailed(
            f"{exc}; nothing was written: run `tipo doctor`, then try again"
        ) from exc
    open_findings = await parts.service.open_findings(limit=MAX_FINDINGS_SHOWN)
    return CheckResult(report=report, open_findings=open_findings, now=parts.clock.now())


async def _compare(parts: Parts, time_out: float) -> Report:
    """Return a comparison that says what is open; a preflight that was under way does not."""
    await require_stores(parts)
    for _ in range(MAX_COMPARISONS):
        report = await parts.service.check(by=user_name())
        report = await wait_for_report(parts, report, time_out=time_out)
        if report.kind is not ReportKind.PREFLIGHT:
            return report
    raise ComparisonImpossible("changes of mode are being prepared, one after another")


# -- in words
def _print_result(found: CheckResult) -> None:
    for line in _sentences(found):
        echo(line)
    if found.open_findings:
        echo_table(
            ("product", "stock", "suggested fix", "why", "since"),
            (
                (
                    finding.facts.get("title"),
                    levels_text((proposal or finding).facts),
                    "" if proposal is None else suggested_fix(proposal),
                    cause(finding.kind, finding.facts),
                    format_age(finding.opened_at, found.now),
                )
                for finding, proposal in found.open_findings
            ),
        )
    for line in _remarks(found):
        echo(line)


def _sentences(found: CheckResult) -> list[str]:
    """Return the outcome: what was compared, what was not, and how much differs."""
    summary = found.report.summary
    lines = [f"Report {found.report.id}: {describe_comparison(summary)}."]
    lines += [
        f"The export of {store} can't be right: it has less than half of what Tipo knows there. "
        "It was ignored; run `tipo doctor`."
        for store in found.disbelieved
    ]
    lines += [f"Couldn't be read again: {each}." for each in as_texts(summary.get("unread"))]
    lines += [
        f"{store} was read page by page: {cut(str(why))}."
        for store, why in as_mapping(summary.get("paged")).items()
    ]
    if found.drift:
        kinds = Counter(found.counts).most_common()
        counted = ", ".join(
            f"{n:,} {KIND_NAMES.get(kind, kind.replace('_', ' '))}" for kind, n in kinds
        )
        lines.append(f"Mismatches: {counted}.")
    elif not found.disbelieved:
        lines.append("All compared products are in sync.")
    return lines


def _remarks(found: CheckResult) -> list[str]:
    """Return what is left to say: what is not shown, and how to go on."""
    lines = []
    hidden = found.drift - len(found.open_findings)
    if hidden > 0:
        lines.append(f"{hidden:,} more: `tipo export findings`.")
    if found.report.open:
        safe = f", {found.report.safe} with a safe fix" if found.report.safe else ""
        lines.append(
            f"Open: {found.report.open}{safe}. Approve fixes in Slack (/tipo drift); "
            "this command approves nothing."
        )
    return lines


def describe_comparison(summary: Mapping[str, object]) -> str:
    """Return how much a comparison compared."""
    variants = as_mapping(summary.get("variants"))
    read = ", ".join(f"{as_number(n):,} variants in {store}" for store, n in variants.items())
    equal, differing = as_number(summary.get("equal")), as_number(summary.get("differing"))
    return f"{read}; {equal:,} stock levels match, {differing:,} don't"


# -- for programs
def _as_json(found: CheckResult) -> dict[str, object]:
    report = found.report
    return {
        "report": report.id,
        "finished_at": report.finished_at,
        "summary": report.summary,
        "counts": found.counts,
        "drift": found.drift,
        "disbelieved": found.disbelieved,
        "proposals": {"open": report.open, "safe": report.safe},
        "findings": [_finding_as_json(*each) for each in found.open_findings],
    }


def _finding_as_json(finding: Finding, proposal: Proposal | None) -> dict[str, object]:
    return {
        "id": finding.id,
        "kind": finding.kind,
        "cause": cause(finding.kind, finding.facts),
        "store": finding.facts.get("store"),
        "title": finding.facts.get("title"),
        "facts": finding.facts,
        "opened_at": finding.opened_at,
        "recommended": None if proposal is None else proposal.recommended,
        "suggested_fix": None if proposal is None else suggested_fix(proposal),
        "safe": proposal is not None and proposal.safe,
    }


def as_mapping(given: object) -> dict[str, object]:
    """Return a mapping that a report keeps as JSON."""
    return {str(k): v for k, v in given.items()} if isinstance(given, Mapping) else {}


def as_texts(given: object) -> list[str]:
    """Return a list of words that a report keeps as JSON."""
    return [str(each) for each in given] if isinstance(given, list) else []


def as_number(given: object) -> int:
    """Return a number that a report keeps as JSON."""
    return given if isinstance(given, int) else 0
