"""What people answer, when they are reminded, whose an account is, and how far a program goes.

Hand-offs made before have no reminder; their deadline stands. A digest in the place of alerts is
tied to its hand-offs from now on.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the tables."""
    moment = sa.DateTime(timezone=True)
    for table, column in (
        ("handoffs", sa.Column("owner_reason", sa.Text)),
        ("handoffs", sa.Column("remind_at", moment)),
        ("handoffs", sa.Column("snoozed_until", moment)),
        ("crm_companies", sa.Column("account_owner", sa.Text)),
        ("crm_tasks", sa.Column("completed_at", moment)),
        ("crm_tasks", sa.Column("completed_by", sa.Text)),
        ("crm_tasks", sa.Column("closed_at", moment)),
        ("crm_tasks", sa.Column("closed_because", sa.Text)),
    ):
        op.add_column(table, column)
    op.create_table(
        "handoff_aliases",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("handoff_id", sa.String(40), nullable=False),
        sa.Column("program", sa.String(150), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("episode", sa.Integer, nullable=False),
        sa.Column("merged_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_handoff_aliases"),
        sa.ForeignKeyConstraint(
            ["handoff_id"], ["handoffs.id"], name="fk_handoff_aliases_handoff_id"
        ),
    )
    op.create_index("ix_handoff_aliases_program", "handoff_aliases", ["program"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("handoff_id", sa.String(40), nullable=False),
        sa.Column("event_key", sa.String(200), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("given_by", sa.String(200), nullable=False),
        sa.Column("given_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_feedback_handoff_id"),
        sa.UniqueConstraint("event_key", name="uq_feedback_event_key"),
        sa.CheckConstraint(
            "action IN ('contacted', 'not_a_fit', 'snooze', 'wrong_owner')",
            name="action",
        ),
    )
    op.create_index("ix_feedback_handoff_id", "feedback", ["handoff_id"])
    op.create_table(
        "received_requests",
        sa.Column("signature", sa.String(100), nullable=False),
        sa.Column("received_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("signature", name="pk_received_requests"),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("program", sa.String(150), nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("sample", sa.String(40), nullable=False),
        sa.Column("reps", sa.JSON),
        sa.Column("since", moment, nullable=False),
        sa.Column("decided_by", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("file_digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rollouts"),
        sa.CheckConstraint("stage IN ('shadow', 'pilot', 'live')", name="stage"),
    )
    op.create_index("ix_rollouts_program", "rollouts", ["program"])
    op.create_table(
        "digest_entries",
        sa.Column("outbox_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("handoff_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("outbox_id", "handoff_id", name="pk_digest_entries"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_digest_entries_outbox_id"),
        sa.ForeignKeyConstraint(
            ["handoff_id"], ["handoffs.id"], name="fk_digest_entries_handoff_id"
        ),
    )
    op.create_index("ix_digest_entries_handoff_id", "digest_entries", ["handoff_id"])
