"""The conversation of `tipo init`: what is open is asked, and checked until it is well.

a step                      then
--------------------------  ------------------------------------------------------------
has open questions          they are asked, and checked
is complete                 it is checked; nothing is said if that is well
a check fails               again; change, which asks all of the step; or later
was left for later          so is the rest of the same program; the doctor tells of it
"""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

import typer
from rich.console import Console

from sync_core.app.frontends import AskedSteps
from sync_core.app.parts import Parts
from sync_core.cli import doctor
from sync_core.cli.answers import Answers, is_secret
from sync_core.cli.doctor_checks import Known, check_public_url
from sync_core.cli.store_questions import PUBLIC, read_alias, store_step
from sync_core.domain.checks import Check, CheckState, fail
from sync_core.domain.questions import Question, Step
from sync_core.domain.values import Role
from sync_core.errors import BadSettings
from sync_core.settings import Settings, load, only_store

T = TypeVar("T")
Checking = Callable[[], list[Check]]
ENOUGH_STORES = 2
ODD_IN_SECRETS = set("\"'`\\$#")
SOURCE_FIRST = """
First the stores. One is the source, the others are destinations: alike in two-way mode; in one-way
mode only the source's changes are written. Each gets a short name for commands and messages."""
AGAIN, CHANGE, LATER = "again", "change", "later"
WHAT_NOW = "Enter checks again; `change` corrects your answers; `later` goes on without"


class Run(Protocol):
    """Runs something to its end, always in the same event loop."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Return what it returns."""


class Interview:
    """Asks what is not answered yet; all that it knows is in the files."""

    def __init__(self, run: Run, say: Console, steps: Mapping[str, AskedSteps]) -> None:
        self._run = run
        self._say = say
        self._steps = steps
        self._answers = Answers()
        self._parts: Parts | None = None  # with a database in memory, once it is needed

    def run(self) -> list[str]:
        """Ask and check everything; return what is left to do when Tipo serves.

        Raises:
            typer.Abort: If the person leaves.
            NotWritten: If an answer can't be saved.
            BadSettings: If what is written already can't be read.
        """
        self._stores()
        self._public_url()
        try:
            return [text for name in self._steps for text in self._frontend(name)]
        finally:
            if self._parts is not None:
                self._run(self._parts.close())

    # -- what is asked
    def _stores(self) -> None:
        """Ask for two stores, and for more if the person has more."""
        known, has_asked = self._answers.aliases(), False
        for alias in known:
            has_asked |= self._store(alias)
        while len(known) < ENOUGH_STORES or (has_asked and self._confirm("Another store?")):
            known.append(self._begin_store(known))
            has_asked = self._store(known[-1])

    def _begin_store(self, known: Sequence[str]) -> str:
        """Ask what to call a store: it is in every setting of it."""

        def read(text: str) -> str:
            alias = read_alias(text)
            if alias in known:
                raise ValueError(f"{alias} is another store already")
            return alias

        role, example = (Role.DESTINATION, "us") if known else (Role.SOURCE, "eu")
        if not known:
            self._say.print(SOURCE_FIRST, soft_wrap=True)
        alias = self._prompt(f"\nShort name of the {role}, such as {example}", read)
        self._answers.put(f"stores.{alias}.role", str(role))
        return alias

    def _store(self, alias: str) -> bool:
        """Settle one store; return whether anything was asked."""
        role = self._answers.get(f"stores.{alias}.role")
        if role is None:
            has_source = any(
                self._answers.get(f"stores.{each}.role") == Role.SOURCE
                for each in self._answers.aliases()
            )
            role = Role.DESTINATION if has_source else Role.SOURCE
            self._answers.put(f"stores.{alias}.role", str(role))
        step = store_step(alias, str(role))
        is_open = self._is_open(step)
        self._settle(step, partial(self._check_store, alias))
        return is_open

    def _public_url(self) -> None:
        """Ask for the address, once: who has gone on to Slack has answered."""
        has_answered = self._url() or self._answers.group("slack").keys() & {
            "bot_token",
            "app_token",
        }
        self._settle(PUBLIC, self._check_public_url, is_open=not has_answered)

    def _frontend(self, name: str) -> list[str]:
        """Settle all steps of one program; return what is left to do when Tipo serves."""
        steps = self._steps[name](self._url())
        asked = [each.setting for step in steps for each in step.questions]
        is_new = all(self._answers.get(each) is None for each in asked)
        if is_new and not self._confirm(f"Connect {name.title()} now?", default=True):
            return []
        for step in steps:
            if not self._settle(step, partial(self._check_frontends, step.name)):
                break
        return [step.afterwards for step in steps if step.afterwards]

    # -- how a step goes
    def _settle(self, step: Step, check: Checking, *, is_open: bool | None = None) -> bool:
        """Ask what is open, and check until all is well; False: the person does it later."""
        talks = self._is_open(step) if is_open is None else is_open
        if talks:
            self._introduce(step)
            self._ask(step)
        while True:
            found = check()
            is_well = all(each.state is not CheckState.FAIL for each in found)
            if not (talks or is_well):
                self._say.print(f"\n{step.title}", style="bold", soft_wrap=True)
            if talks or not is_well:
                doctor.print_checks(found, err=True)
            if is_well:
                return True
            talks = True
            now = self._prompt(WHAT_NOW, _read_what_now, default=AGAIN)
            if now == LATER:
                return False
            if now == CHANGE:
                self._ask(step, again=True)

    def _is_open(self, step: Step) -> bool:
        return any(
            each.needed and not self._is_excluded(each) and self._answers.get(each.setting) is None
            for each in step.questions
        )

    def _is_excluded(self, question: Question) -> bool:
        return bool(question.unless) and self._answers.get(question.unless) is not None

    def _introduce(self, step: Step) -> None:
        self._say.print(f"\n{step.title}", style="bold", soft_wrap=True)
        for each in step.says:
            self._say.print(each, soft_wrap=True)

    def _ask(self, step: Step, *, again: bool = False) -> None:
        """Ask a step's open questions, or all of them again; each answer is saved at once."""
        for each in step.questions:
            now = self._answers.get(each.setting)
            if self._is_excluded(each) or (now is not None and not again):
                continue
            value = self._answer(each, now)
            if value is not None:
                self._answers.put(each.setting, value)

    def _answer(self, question: Question, now: object) -> str | list[str] | None:
        """Return what somebody answers; None: nothing, or what is there already."""
        secret = is_secret(question.setting)
        may_be_blank = now is not None or question.blank

        def read(text: str) -> str | list[str] | None:
            if not (text.strip() or may_be_blank):
                raise ValueError("an answer is needed here")
            if not text.strip():
                return question.reads("") if question.needed and now is None else None
            return question.reads(_plain_secret(text) if secret else text)

        asks = question.asks
        if now is not None and secret:
            asks += " (Enter keeps the one that is there)"
        elif secret and not question.blank:
            asks += " (not shown as you type)"
        elif question.blank and now is None:
            asks += f" (Enter: {question.blank})"
        default = _shown(now) if not secret else ""
        return self._prompt(asks, read, default=default if may_be_blank else None, secret=secret)

    def _prompt(
        self,
        asks: str,
        read: Callable[[str], T],
        *,
        default: str | None = None,
        secret: bool = False,
    ) -> T:
        """Ask until the answer can be read."""

        def checked(text: str) -> T:
            try:
                return read(text)
            except ValueError as exc:
                if secret:  # of which typer says nothing at all
                    self._say.print(str(exc), soft_wrap=True)
                raise typer.BadParameter(str(exc)) from exc

        shows = bool(default) and default != AGAIN
        found: T = typer.prompt(
            asks,
            default=default,
            hide_input=secret,
            show_default=shows,
            value_proc=checked,
            err=True,
        )
        return found

    def _confirm(self, asks: str, *, default: bool = False) -> bool:
        return typer.confirm(f"\n{asks}", default=default, err=True)

    def _url(self) -> str | None:
        found = self._answers.get("public_url")
        return found if isinstance(found, str) else None

    # -- checks
    def _check_store(self, alias: str) -> list[Check]:
        given = self._answers.group(f"stores.{alias}")
        for other in self._answers.aliases():
            if other != alias and self._answers.get(f"stores.{other}.domain") == given["domain"]:
                return [fail(alias, f"{given['domain']} is {other} already", "correct the domain")]
        try:
            settings = only_store(alias, given, self._url())
            return self._run(doctor.check_stores(settings, Known(), None))
        except BadSettings as exc:
            return doctor.wrong_settings(exc)

    def _check_public_url(self) -> list[Check]:
        return list(check_public_url(Settings.model_construct(public_url=self._url())))

    def _check_frontends(self, step: str) -> list[Check]:
        try:
            settings = load()
            if self._parts is None:
                self._parts = doctor.assemble_in_memory(settings)
        except BadSettings as exc:
            return doctor.wrong_settings(exc)
        return self._run(doctor.check_apps(replace(self._parts, settings=settings), step))


def _read_what_now(text: str) -> str:
    word = text.strip().strip("`").lower()
    if word not in {AGAIN, CHANGE, LATER}:
        raise ValueError(f"type {CHANGE} or {LATER}, or press Enter")
    return word


def _plain_secret(text: str) -> str:
    """Return a secret as it is written into `.env`.

    Raises:
        ValueError: If it has characters in it that no token has.
    """
    secret = text.strip()
    if not all("!" <= each <= "~" and each not in ODD_IN_SECRETS for each in secret):
        raise ValueError("That has characters in it that no token has: copy it again.")
    return secret


def _shown(value: object) -> str:
    """Return a value as somebody would type it."""
    if isinstance(value, str) and value.startswith("["):
        value = re.findall(r"\w+", value)  # a list, as `.env` or the environment has it
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
