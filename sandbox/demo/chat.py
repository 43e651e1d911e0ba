"""The chat: what the team types and clicks in Slack, and what Tipo answers.

when                            who says what
------------------------------  ----------------------------------------------------------
before anything is kept equal   ann asks for the status, then for two-way, and confirms
after the scenes                the last jackets are oversold: Tipo alerts the channel
                                bob asks for the stock, and why it is what it is
a webhook is lost               ann has the stores compared, approves what is safe, and
                                asks why the number is what it is now
"""

from dataclasses import dataclass

from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.scenes import STORES, wait_until_equal
from sandbox.sample_shops import INITIAL_QUANTITY

OVERSOLD_SKU = "SFDJ-L"
LOST_WEBHOOK_SKU = "SFDJ-S"
SOLD_PER_STORE = 30  # sold in each store at the same moment; together more than there are
SOLD_WITHOUT_WEBHOOK = 4  # sold without a webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResult:
    """How the chat ended."""

    alerted: bool  # the channel was alerted to the oversell
    settled: bool  # what the lost webhook left behind was put right
    transcript: str

    @property
    def holds(self) -> bool:
        """Whether the alert came and the difference was fixed."""
        return self.alerted and self.settled


async def play_chat(demo: DemoEnvironment) -> ChatResult:
    """Play what the team does in Slack after the scenes."""
    alerted = await _oversell(demo)
    settled = await _settle(demo)
    return ChatResult(alerted=alerted, settled=settled, transcript=demo.team.transcript())


async def _oversell(demo: DemoEnvironment) -> bool:
    """Oversell; somebody looks into it."""
    team = demo.team
    for alias in STORES:
        await demo.perform(alias, "sell", {"item": OVERSOLD_SKU, "quantity": SOLD_PER_STORE})
    try:
        await team.wait_for_message("Slim Fit Denim Jacket", "oversold")
        equal = await wait_until_equal(
            demo, OVERSOLD_SKU, INITIAL_QUANTITY - len(STORES) * SOLD_PER_STORE
        )
        await team.run_command(team.bob, f"/tipo stock {OVERSOLD_SKU}")
        await team.run_command(team.bob, "/tipo why SFDJ-M")
    except TimeoutError:
        return False
    return equal


async def _settle(demo: DemoEnvironment) -> bool:
    """Lose a webhook; compare, and approve."""
    team, us = demo.team, demo.shops["us"]
    us.faults.webhook_lost = 1.0
    await demo.perform("us", "sell", {"item": LOST_WEBHOOK_SKU, "quantity": SOLD_WITHOUT_WEBHOOK})
    us.faults.webhook_lost = 0.0
    try:
        await team.run_command(team.ann, "/tipo check")
        report = await team.wait_for_button(team.ann, "decide_all")
        await team.slack.click(team.ann, report, "decide_all")
        equal = await wait_until_equal(
            demo, LOST_WEBHOOK_SKU, INITIAL_QUANTITY - SOLD_WITHOUT_WEBHOOK
        )
        await team.wait_for_message("Fixed")
        await team.run_command(team.ann, f"/tipo why {LOST_WEBHOOK_SKU}")
    except TimeoutError:
        return False
    return equal
