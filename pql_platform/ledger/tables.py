"""The tables of the ledger, as they are at the head of the migrations.

Columns and constraints only: a rule that the database itself can hold stands here, because then no
code path gets round it. Migrations repeat these definitions; a test holds the two equal.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from pql_platform.ledger import crm_tables, states  # noqa: F401 - registers its tables too
from pql_platform.ledger.columns import metadata, one_of, row_number
from pql_platform.ledger.types import ExactDecimal, PointsByName, QuarterPoints, UtcDateTime

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("program", String(150), nullable=False),
    Column("number", Integer, nullable=False),
    Column("program_digest", String(64), nullable=False),
    Column("enter_account", QuarterPoints),
    Column("enter_user", QuarterPoints),
    Column("leave_margin", QuarterPoints, nullable=False),
    Column("top_share", ExactDecimal),
    Column("population", Integer),
    Column("qualified_share", ExactDecimal),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("parent", String(200), ForeignKey("model_versions.id")),
    Column("program_text", Text),
    Column("weights", PointsByName),
    Column("points", PointsByName),
    Column("compounds", JSON(none_as_null=True)),
    Column("evidence", JSON(none_as_null=True)),
    Column("base_digest", String(64)),
    Column("data_from", UtcDateTime),
    Column("data_to", UtcDateTime),
    UniqueConstraint("program", "number"),
)

live_versions = Table(
    "live_versions",
    metadata,
    Column("program", String(150), primary_key=True),
    Column("version_id", String(200), ForeignKey("model_versions.id"), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("promoted_by", String(200), nullable=False),
    Column("why", Text, nullable=False),
)

promotions = Table(
    "promotions",
    metadata,
    row_number(),
    Column("program", String(150), nullable=False, index=True),
    Column("version_id", String(200), ForeignKey("model_versions.id"), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("promoted_by", String(200), nullable=False),
    Column("why", Text, nullable=False),
)

judged_passes = Table(
    "judged_passes",
    metadata,
    Column("program", String(150), primary_key=True),
    Column("version_id", String(200), ForeignKey("model_versions.id"), nullable=False),
)

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("program", String(150), nullable=False),
    Column("motion", String(20), nullable=False),
    Column("level", String(10), nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("account_id", Text),
    Column("tier", Integer, nullable=False),
    Column("episode", Integer, nullable=False),
    Column("score", QuarterPoints, nullable=False),
    Column("threshold", QuarterPoints, nullable=False),
    Column("version_id", String(200), ForeignKey("model_versions.id"), nullable=False),
    Column("paying", Boolean, nullable=False),
    Column("crossed_at", UtcDateTime, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("state", String(10), nullable=False),
    Column("reason", Text),
    Column("owner", Text),
    Column("owner_reason", Text),
    Column("due_at", UtcDateTime),
    Column("remind_at", UtcDateTime),
    Column("snoozed_until", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("contacted_at", UtcDateTime),
    Column("contacted_by", Text),
    Column("outcome", Text),
    Column("story", JSON, nullable=False),
    Column("run_id", String(100)),
    Column("caused_by", String(20)),
    UniqueConstraint("program", "level", "subject_id", "episode"),
    one_of("motion", ("new_business", "expansion"), "motion"),
    one_of("level", ("account", "user"), "level"),
    one_of("state", states.HANDOFF_STATES, "state"),
    CheckConstraint("episode >= 1", name="episode"),
    # Paying accounts are expansion and nothing else is: two motions, kept apart.
    CheckConstraint("paying = (motion = 'expansion')", name="paying"),
)

Index(
    "uq_handoffs_one_open_episode",
    handoffs.c.program,
    handoffs.c.level,
    handoffs.c.subject_id,
    unique=True,
    sqlite_where=text("closed_at IS NULL"),
    postgresql_where=text("closed_at IS NULL"),
)

outbox = Table(
    "outbox",
    metadata,
    row_number(),
    Column("handoff_id", String(40), ForeignKey("handoffs.id"), index=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("channel", String(20), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("lease_by", String(200)),
    Column("lease_token", Integer, nullable=False),
    Column("evidence", JSON(none_as_null=True)),
    Column("last_error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
    one_of("state", states.OUTBOX_STATES, "state"),
    CheckConstraint(
        "(state = 'DELIVERED') = (evidence IS NOT NULL AND delivered_at IS NOT NULL)",
        name="evidence",
    ),
    CheckConstraint("(state = 'SENDING') = (lease_until IS NOT NULL)", name="lease"),
    Index("ix_outbox_state_not_before", "state", "not_before"),
)

attempts = Table(
    "attempts",
    metadata,
    row_number(),
    Column("outbox_id", ForeignKey("outbox.id"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("worker", String(200), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    Column("result", String(20), nullable=False),
    Column("detail", Text),
)

digest_entries = Table(
    "digest_entries",
    metadata,
    Column("outbox_id", ForeignKey("outbox.id"), primary_key=True),
    Column("handoff_id", String(40), ForeignKey("handoffs.id"), primary_key=True, index=True),
)

handoff_aliases = Table(
    "handoff_aliases",
    metadata,
    row_number(),
    Column("handoff_id", String(40), ForeignKey("handoffs.id"), nullable=False),
    Column("program", String(150), nullable=False, index=True),
    Column("level", String(10), nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("episode", Integer, nullable=False),
    Column("merged_at", UtcDateTime, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    row_number(),
    Column("handoff_id", String(40), ForeignKey("handoffs.id"), nullable=False, index=True),
    Column("event_key", String(200), nullable=False, unique=True),
    Column("action", String(20), nullable=False),
    Column("detail", Text),
    Column("source", String(20), nullable=False),
    Column("given_by", String(200), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    one_of("action", states.FEEDBACK_ACTIONS, "action"),
)

received_requests = Table(
    "received_requests",
    metadata,
    Column("signature", String(100), primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    row_number(),
    Column("program", String(150), nullable=False, index=True),
    Column("stage", String(10), nullable=False),
    Column("sample", ExactDecimal, nullable=False),
    Column("reps", JSON(none_as_null=True)),
    Column("since", UtcDateTime, nullable=False),
    Column("decided_by", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("file_digest", String(64), nullable=False),
    one_of("stage", states.ROLLOUT_STAGES, "stage"),
)

channel_turns = Table(
    "channel_turns",
    metadata,
    Column("channel", String(20), primary_key=True),
    Column("free_at", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False),
)

breakers = Table(
    "breakers",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_by", String(200), nullable=False),
    Column("overridden_until", UtcDateTime),
    Column("overridden_by", String(200)),
    Column("override_reason", Text),
)
