"""Versions, hand-offs, outbox, breakers and the CRM sandbox.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table."""
    _create_versions()
    _create_handoffs()
    _create_outbox()
    _create_crm_sandbox()


def _create_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("program", sa.String(150), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("program_digest", sa.String(64), nullable=False),
        sa.Column("enter_account", sa.Integer),
        sa.Column("enter_user", sa.Integer),
        sa.Column("leave_margin", sa.Integer, nullable=False),
        sa.Column("top_share", sa.String(40)),
        sa.Column("population", sa.Integer),
        sa.Column("qualified_share", sa.String(40)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parent", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_model_versions"),
        sa.UniqueConstraint("program", "number", name="uq_model_versions_program_number"),
        sa.ForeignKeyConstraint(["parent"], ["model_versions.id"], name="fk_model_versions_parent"),
    )
    op.create_table(
        "live_versions",
        sa.Column("program", sa.String(150), nullable=False),
        sa.Column("version_id", sa.String(200), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("promoted_by", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("program", name="pk_live_versions"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name="fk_live_versions_version_id"
        ),
    )


def _create_handoffs() -> None:
    op.create_table(
        "handoffs",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("program", sa.String(150), nullable=False),
        sa.Column("motion", sa.String(20), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text),
        sa.Column("tier", sa.Integer, nullable=False),
        sa.Column("episode", sa.Integer, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("threshold", sa.Integer, nullable=False),
        sa.Column("version_id", sa.String(200), nullable=False),
        sa.Column("paying", sa.Boolean, nullable=False),
        sa.Column("crossed_at", MOMENT, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("due_at", MOMENT),
        sa.Column("delivered_at", MOMENT),
        sa.Column("contacted_at", MOMENT),
        sa.Column("contacted_by", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("story", sa.JSON, nullable=False),
        sa.Column("run_id", sa.String(100)),
        sa.PrimaryKeyConstraint("id", name="pk_handoffs"),
        sa.UniqueConstraint(
            "program",
            "level",
            "subject_id",
            "episode",
            name="uq_handoffs_program_level_subject_id_episode",
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name="fk_handoffs_version_id"
        ),
        sa.CheckConstraint("motion IN ('new_business', 'expansion')", name="motion"),
        sa.CheckConstraint("level IN ('account', 'user')", name="level"),
        sa.CheckConstraint(
            "state IN ('PENDING', 'DELIVERED', 'SUPPRESSED', 'WITHDRAWN', 'DEAD')", name="state"
        ),
        sa.CheckConstraint("episode >= 1", name="episode"),
        sa.CheckConstraint("paying = (motion = 'expansion')", name="paying"),
    )
    op.create_index(
        "uq_handoffs_one_open_episode",
        "handoffs",
        ["program", "level", "subject_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("handoff_id", sa.String(40)),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT),
        sa.Column("lease_by", sa.String(200)),
        sa.Column("lease_token", sa.Integer, nullable=False),
        sa.Column("evidence", sa.JSON),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("delivered_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_outbox_handoff_id"),
        sa.CheckConstraint(
            "state IN ('PENDING', 'SENDING', 'RETRY', 'UNKNOWN', 'DELIVERED', 'DEAD', 'CANCELED')",
            name="state",
        ),
        sa.CheckConstraint(
            "(state = 'DELIVERED') = (evidence IS NOT NULL AND delivered_at IS NOT NULL)",
            name="evidence",
        ),
        sa.CheckConstraint("(state = 'SENDING') = (lease_until IS NOT NULL)", name="lease"),
    )
    op.create_index("ix_outbox_handoff_id", "outbox", ["handoff_id"])
    op.create_index("ix_outbox_state_not_before", "outbox", ["state", "not_before"])
    op.create_table(
        "attempts",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("outbox_id", ROW_NUMBER, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(200), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_attempts_outbox_id"),
    )
    op.create_index("ix_attempts_outbox_id", "attempts", ["outbox_id"])
    op.create_table(
        "channel_turns",
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("free_at", MOMENT, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("channel", name="pk_channel_turns"),
    )
    op.create_table(
        "breakers",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("opened_by", sa.String(200), nullable=False),
        sa.Column("overridden_until", MOMENT),
        sa.Column("overridden_by", sa.String(200)),
        sa.Column("override_reason", sa.Text),
        sa.PrimaryKeyConstraint("name", name="pk_breakers"),
    )


def _create_crm_sandbox() -> None:
    op.create_table(
        "crm_companies",
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text),
        sa.Column("properties", sa.JSON, nullable=False),
        *_written_by(),
        sa.PrimaryKeyConstraint("external_id", name="pk_crm_companies"),
    )
    op.create_table(
        "crm_contacts",
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("company_external_id", sa.String(200)),
        sa.Column("name", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("properties", sa.JSON, nullable=False),
        *_written_by(),
        sa.PrimaryKeyConstraint("external_id", name="pk_crm_contacts"),
    )
    op.create_table(
        "crm_tasks",
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("company_external_id", sa.String(200)),
        sa.Column("contact_external_id", sa.String(200)),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        *_written_by(),
        sa.PrimaryKeyConstraint("external_id", name="pk_crm_tasks"),
    )
    op.create_table(
        "crm_enrolments",
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("contact_external_id", sa.String(200)),
        sa.Column("company_external_id", sa.String(200)),
        sa.Column("sequence", sa.Text, nullable=False),
        *_written_by(),
        sa.PrimaryKeyConstraint("external_id", name="pk_crm_enrolments"),
    )


def _written_by() -> tuple[sa.Column, ...]:
    return (
        sa.Column("last_key", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
