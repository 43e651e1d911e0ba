"""The form for Tipo's own settings.

    somebody saves                                    then
    ------------------------------------------------  -------------------------------------------
    what does not fit                                 the field says so; the form stays open
    what somebody else has changed meanwhile, too     nothing is saved; it says who that was
    beside what somebody else has changed             only what they have changed is saved
    and may not                                       nothing is saved

The form remembers in its `private_metadata` what it was made from.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from bot.approvers import Allowed
from bot.handler_context import HandlerContext
from bot.messages import settings as said
from bot.payloads import Click, Submission
from bot.preferences import APPROVERS, approvers_of, approvers_text
from bot.text import zone_name
from bot.views.form_state import MAX_METADATA_CHARS
from bot.views.modals import Json, Modals
from sync_core.domain.proposals import Person
from sync_core.errors import NotAllowed

CHECK_SECONDS = 1.5  # that Slack has to say who people are: it waits 3 s for our answer
TOO_MANY = "There are more approvers than a form can show: change them by /tipo approvers."
TOO_SLOW = "Slack doesn't say who they are at the moment. Nothing was changed; try again."


class SettingsForm:
    """Opens the form, and saves what was changed in it."""

    def __init__(
        self,
        context: HandlerContext,
        modals: Modals,
        show_home: Callable[[Person], Awaitable[None]],
    ) -> None:
        self._context = context
        self._preferences = context.preferences
        self._modals = modals
        self._show_home = show_home
        self._zone = zone_name(context.zones.otherwise)

    async def open(self, click: Click) -> None:
        """Open the form: people who may not save it may look."""
        await self._modals.open(click, "Settings", self._view)

    async def _view(self, _view_id: str) -> Json:
        settings = await self._preferences.read()
        made_from = json.dumps(settings.texts())
        if len(made_from) > MAX_METADATA_CHARS:
            raise NotAllowed(TOO_MANY)
        return said.settings_modal(settings=settings, zone=self._zone, private_metadata=made_from)

    async def errors(self, submission: Submission) -> Mapping[str, str]:
        """Return what is wrong with a form, by block."""
        state, made_from = submission.view.state, _made_from(submission)
        before = self._approvers_in(made_from)
        if found := said.settings_errors(state, before):
            return found
        listed = said.read_approvers(state, before)
        if listed is None or approvers_text(sorted(listed)) == made_from.get(APPROVERS):
            return {}
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                why = await self._context.approvers.objection(listed, submission.person)
        except TimeoutError:
            why = TOO_SLOW
        return {said.PEOPLE if listed else said.WHO: why} if why else {}

    def _approvers_in(self, made_from: Mapping[str, str]) -> tuple[str, ...]:
        """Return the approvers from whom a form was made."""
        listed = approvers_of(made_from.get(APPROVERS))
        return self._preferences.named_by_environment if listed is None else listed

    async def submit(self, submission: Submission, _allowed: Allowed) -> None:
        """Save what was changed, and say what it is now.

        Raises:
            NotAllowed: If somebody else has changed the same meanwhile.
        """
        made_from, settings = _made_from(submission), await self._preferences.read()
        before, now = self._approvers_in(made_from), settings.texts()
        wanted = said.read_settings(submission.view.state, before)
        changed = {name: text for name, text in wanted.items() if text != made_from.get(name)}
        if lost := [name for name in changed if now[name] != made_from.get(name)]:
            raise NotAllowed(said.changed_meanwhile(settings, lost))
        if changed:
            await self._preferences.keep(changed, submission.person, chosen_from=settings)
            settings = await self._preferences.read()
        done = said.settings_saved(settings=settings, changed=list(changed), zone=self._zone)
        await self._modals.tell(submission, done)
        await self._show_home(submission.person)


def _made_from(submission: Submission) -> Mapping[str, str]:
    """Return the settings from which a form was made; a form that does not say it saves nothing."""
    try:
        found = json.loads(submission.view.metadata)
    except (ValueError, RecursionError):
        return {}
    given = found.items() if isinstance(found, dict) else ()
    return {name: text for name, text in given if isinstance(text, str)}
