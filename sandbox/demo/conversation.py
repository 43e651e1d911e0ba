"""The conversation: what the team types and clicks, and what Tipo answers.

when                            who says what
------------------------------  ----------------------------------------------------------
before anything is kept equal   ann asks for the status, then for two-way, and confirms
after the scenes                the last jackets are sold twice: Tipo tells the channel
                                bob asks for the stock, and why it is what it is
a webhook has got lost          ann has the stores compared, approves what is safe, and
                                asks why the number is what it is now
"""

from dataclasses import dataclass

from sandbox.demo.scenes import STORES, become_equal
from sandbox.demo.stage import Stage
from sandbox.world import QUANTITY

OVERSOLD = "SFDJ-L"
LOST = "SFDJ-S"
APIECE = 30  # sold in each store at the same moment; together more than there are
UNHEARD = 4  # sold without a webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Talked:
    """What became of the conversation."""

    alerted: bool  # the channel was told of what was sold twice
    settled: bool  # what the lost webhook left behind was put right
    transcript: str

    @property
    def holds(self) -> bool:
        """Whether the team was told and heard."""
        return self.alerted and self.settled


async def talk(stage: Stage) -> Talked:
    """Play what the team does after the scenes."""
    alerted = await _oversell(stage)
    settled = await _settle(stage)
    return Talked(alerted=alerted, settled=settled, transcript=stage.team.transcript())


async def _oversell(stage: Stage) -> bool:
    """Sell the last ones twice; somebody looks into it."""
    team = stage.team
    for alias in STORES:
        await stage.act(alias, "sell", {"item": OVERSOLD, "quantity": APIECE})
    try:
        await team.said("Slim Fit Denim Jacket", "oversold")
        equal = await become_equal(stage, OVERSOLD, QUANTITY - len(STORES) * APIECE)
        await team.ask(team.bob, f"/tipo stock {OVERSOLD}")
        await team.ask(team.bob, "/tipo why SFDJ-M")
    except TimeoutError:
        return False
    return equal


async def _settle(stage: Stage) -> bool:
    """Lose a webhook; compare, and approve."""
    team, us = stage.team, stage.shops["us"]
    us.faults.webhook_lost = 1.0
    await stage.act("us", "sell", {"item": LOST, "quantity": UNHEARD})
    us.faults.webhook_lost = 0.0
    try:
        await team.ask(team.ann, "/tipo check")
        report = await team.question(team.ann, "decide_all")
        await team.slack.click(team.ann, report, "decide_all")
        equal = await become_equal(stage, LOST, QUANTITY - UNHEARD)
        await team.ask(team.ann, f"/tipo why {LOST}")
    except TimeoutError:
        return False
    return equal
