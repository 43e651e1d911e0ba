"""The bar on top: the stories, the one that is played, and how to steer it."""

from html import escape

from sandbox.playground.player import FAST, Player, PlayerState
from sandbox.playground.steps import Moment, describe
from sandbox.playground.stories import Story, stories

HINT = "Seven short stories. Each plays by itself; watch both stores, Slack, and the naive sync."


def story_bar(player: Player, seed: int, steps: tuple[Moment, ...] = ()) -> str:
    """Return the stories, the controls, and the steps of the story that is played.

    Args:
        player: Plays them.
        seed: Chooses what is left to chance.
        steps: What the page's address holds.
    """
    told = list(stories(seed).values())
    chips = "".join(_chip(each, player.story) for each in told)
    if steps:
        chips += (
            '<button type="button" class="chip" data-act="steps">'
            f"<kbd>+</kbd>{len(steps)} steps of this address</button>"
        )
    return (
        f'<div class="chips" role="group" aria-label="Stories">{chips}</div>{_now(player, told[0])}'
    )


def _chip(story: Story, played: Story | None) -> str:
    chosen = str(played is not None and played.key == story.key).lower()
    return (
        f'<button type="button" class="chip" data-act="play" data-story="{story.key}" '
        f'aria-pressed="{chosen}"><kbd>{story.key}</kbd>{escape(story.title)}</button>'
    )


def _now(player: Player, first: Story) -> str:
    story = player.story
    if story is None:
        return (
            '<div class="now"><div class="what"><h2>Start here</h2>'
            f"<p>{HINT}</p></div>"
            '<div class="controls"><button type="button" class="go" data-act="play" '
            f'data-story="{first.key}">\u25b6 Play \u201c{escape(first.title)}\u201d</button></div>'
            '<ol class="steps" tabindex="0" aria-label="Steps"></ol></div>'
        )
    return (
        f'<div class="now"><div class="what"><h2>{escape(story.title)}</h2>'
        f"<p>{escape(story.watch)}</p></div>{_controls(player)}{_steps(player, story)}</div>"
    )


def _controls(player: Player) -> str:
    state = player.state
    if state is PlayerState.PLAYING:
        main = _control("pause", "\u23f8 Pause")
    elif state is PlayerState.PAUSED:
        main = _control("resume", "\u25b6 Go on")
    else:
        main = _control("again", "\u21bb Play again")
    ended = state in {PlayerState.DONE, PlayerState.FAILED}
    step = f'<button type="button" data-act="step"{" disabled" if ended else ""}>One step</button>'
    fast = str(player.speed == FAST).lower()
    speed = (
        f'<button type="button" data-act="speed" data-on="{"" if fast == "true" else "1"}" '
        f'aria-pressed="{fast}">\u00d7{FAST}</button>'
    )
    return f'<div class="controls">{main}{step}{speed}</div>'


def _control(act: str, words: str) -> str:
    return f'<button type="button" class="go" data-act="{act}">{words}</button>'


def _steps(player: Player, story: Story) -> str:
    items = ""
    for number, moment in enumerate(story.moments):
        if _is_breath(moment):
            continue
        said = player.said[number] if number < len(player.said) else ""
        items += (
            f'<li class="{_progress(player, number)}">{escape(describe(moment))}'
            f"{f'<small>{escape(said)}</small>' if said else ''}</li>"
        )
    return f'<ol class="steps" tabindex="0" aria-label="Steps" data-follow="1">{items}</ol>'


def _is_breath(moment: Moment) -> bool:
    """Whether it only keeps a rush from being one single moment."""
    return all(each.verb == "wait" and float(each.args[0]) < 1 for each in moment)


def _progress(player: Player, number: int) -> str:
    if number < player.at:
        return "done"
    if number > player.at or player.state is PlayerState.DONE:
        return "next"
    return "failed" if player.state is PlayerState.FAILED else "doing"
