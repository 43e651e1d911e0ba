"""What people must know, and what they decide."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Table, UniqueConstraint
from sqlmodel import Field, SQLModel

from sync_core.db.tables.columns import (
    APPROVED,
    CLOSED,
    HAS_TURN,
    OPEN,
    OPEN_FINDING,
    UNSENT,
    ZERO,
    Big,
    Json,
    Utc,
    index_where,
)
from sync_core.domain.proposals import DecisionResult, Option, ReportFacts
from sync_core.domain.values import LevelId


class EffectFacts(msgspec.Struct, frozen=True):
    """What of an effect has no column of its own. The daily seals are made of it: it stays so."""

    joined: tuple[tuple[LevelId, int, int], ...] = ()  # level, its baseline, what was written
    buffer_before: int | None = None
    pack_before: int | None = None
    founded: bool = False


class FindingRow(SQLModel, table=True):
    """Something that cannot be settled without a person, or an incident that lasts."""

    __tablename__: ClassVar[str] = "finding"
    __table_args__ = (
        index_where(OPEN_FINDING, "one_open_finding", "kind", "subject", unique=True),
        index_where(CLOSED, "finding_closed", "closed_at"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    kind: str
    subject: str
    severity: str
    facts: dict[str, Any] = Field(sa_type=JSON)
    opened_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(None, sa_type=Utc)
    muted_until: datetime | None = Field(None, sa_type=Utc)  # somebody said to ignore it


FINDING: Table = FindingRow.__table__  # type: ignore[attr-defined]


class NotificationRow(SQLModel, table=True):
    """Something that people must be told; it waits here until they have been."""

    __tablename__: ClassVar[str] = "notification"

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    kind: str
    subject: str
    severity: str
    facts: dict[str, Any] = Field(sa_type=JSON)
    resolved: bool = False
    at: datetime = Field(sa_type=Utc)


NOTIFICATION: Table = NotificationRow.__table__  # type: ignore[attr-defined]


class ReportRow(SQLModel, table=True):
    """A comparison of the stores, from the request to the result. One at a time, one a night."""

    __tablename__: ClassVar[str] = "report"
    __table_args__ = (
        index_where(HAS_TURN, "one_comparison", "turn", unique=True),
        UniqueConstraint("night", name="one_report_per_night"),
    )

    id: int = Field(None, sa_type=Big, primary_key=True)
    token: str = Field(unique=True)
    kind: str
    state: str = "wanted"
    turn: str | None = None  # set on the one comparison whose turn it is
    night: str | None = None  # 2026-11-23, for the scheduled ones
    by: str = ""
    facts: ReportFacts = Field(sa_type=Json(ReportFacts, ReportFacts()))
    progress: dict[str, str] = Field(sa_type=Json(dict[str, str], {}))
    summary: dict[str, Any] = Field(sa_type=JSON)
    wanted_at: datetime = Field(sa_type=Utc)
    finished_at: datetime | None = Field(None, sa_type=Utc)
    claimed_until: datetime | None = Field(None, sa_type=Utc)  # nobody else works on it meanwhile
    attempts: int = 0
    why_failed: str = ""


REPORT: Table = ReportRow.__table__  # type: ignore[attr-defined]


class ProposalRow(SQLModel, table=True):
    """Something to be decided by a person, once. At most one is open per finding."""

    __tablename__: ClassVar[str] = "proposal"
    __table_args__ = (
        index_where(OPEN, "one_proposal_per_finding", "finding_id", unique=True),
        Index("proposal_report", "report_id", "id"),
        Index("proposal_finding", "finding_id"),
        Index("proposal_opened", "opened_at"),
        Index("proposal_receipt", "receipt_id"),
        index_where(APPROVED, "proposal_approved", "id"),
        CheckConstraint(
            "state IN ('open', 'approved', 'done', 'dismissed', 'outdated', 'expired')",
            name="proposal_state_is_known",
        ),
    )

    id: int = Field(None, sa_type=Big, primary_key=True)
    token: str = Field(unique=True)
    kind: str
    state: str = "open"
    report_id: int | None = Field(None, sa_type=Big, foreign_key="report.id")
    finding_id: int | None = Field(None, sa_type=Big, foreign_key="finding.id")
    subject: str = ""
    title: str = ""
    facts: dict[str, Any] = Field(sa_type=JSON)
    options: tuple[Option, ...] = Field(sa_type=Json(tuple[Option, ...], ()))
    recommended: str | None = None
    safe: bool = False
    opened_at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)
    choice: str | None = None
    number: int | None = Field(None, sa_type=BigInteger)  # the one a person entered
    receipt_id: int | None = Field(None, sa_type=Big, foreign_key="receipt.id")
    decided_at: datetime | None = Field(None, sa_type=Utc)
    try_at: datetime | None = Field(None, sa_type=Utc)  # when to try again to carry it out
    result: DecisionResult | None = Field(None, sa_type=Json(DecisionResult))


PROPOSAL: Table = ProposalRow.__table__  # type: ignore[attr-defined]


class ReceiptRow(SQLModel, table=True):
    """Who decided, when, where, and what allowed it. Written once."""

    __tablename__: ClassVar[str] = "receipt"

    id: int = Field(None, sa_type=Big, primary_key=True)
    kind: str
    choice: str
    team: str
    person: str
    name: str
    rule: str
    origin: str = ""  # where the click was: a channel and a message
    at: datetime = Field(sa_type=Utc)
    undoes: int | None = Field(None, sa_type=Big, foreign_key="receipt.id", unique=True)
    notified: bool = False  # the result has become a notification


RECEIPT: Table = ReceiptRow.__table__  # type: ignore[attr-defined]


class EffectRow(SQLModel, table=True):
    """What one decision did to one pool. Written once; the books are made of these, too."""

    __tablename__: ClassVar[str] = "effect"
    __table_args__ = (
        Index("effect_pool", "pool_id", "id"),
        Index("effect_receipt", "receipt_id"),
        Index("effect_proposal", "proposal_id"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    receipt_id: int = Field(sa_type=Big, foreign_key="receipt.id")
    proposal_id: int | None = Field(None, sa_type=Big, foreign_key="proposal.id")
    pool_id: int = Field(sa_type=Big, foreign_key="pool.id")
    level_id: int = Field(sa_type=Big, foreign_key="level.id")
    moved: int = Field(sa_type=BigInteger)
    shared: int | None = Field(None, sa_type=BigInteger)  # after it
    # What taking it back needs; None where it can't be read.
    facts: EffectFacts | None = Field(sa_type=Json(EffectFacts), nullable=False)
    at: datetime = Field(sa_type=Utc)
    baseline: int = Field(0, sa_column_kwargs=ZERO)  # of its pool, when it was decided


EFFECT: Table = EffectRow.__table__  # type: ignore[attr-defined]


class PostRow(SQLModel, table=True):
    """A message in a channel, sent or to be sent; `body` is what its words are made from."""

    __tablename__: ClassVar[str] = "post"
    __table_args__ = (
        index_where(UNSENT, "post_due", "due_at"),
        Index("post_ts", "ts"),
    )

    key: str = Field(primary_key=True)
    number: int = Field(sa_type=Big)  # in the order of their making
    channel: str
    parent: str | None = None
    kind: str = ""
    body: dict[str, Any] = Field(sa_type=JSON)
    due_at: datetime = Field(sa_type=Utc)
    version: int = 1
    sent: int = 0
    ts: str | None = None
    why: str | None = None  # why it could not be sent the last time


POST: Table = PostRow.__table__  # type: ignore[attr-defined]
