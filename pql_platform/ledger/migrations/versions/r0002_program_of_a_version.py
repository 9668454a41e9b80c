"""The program that a version was made with, and every promotion instead of the latest only.

Versions recorded before have no program: what it was is not known any more.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table, and enter the promotions that are known to have been."""
    # A plain ADD COLUMN: rebuilding the table would break the references to it on SQLite.
    op.add_column("model_versions", sa.Column("program_text", sa.Text))
    op.create_table(
        "promotions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("program", sa.String(150), nullable=False),
        sa.Column("version_id", sa.String(200), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promoted_by", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_promotions"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name="fk_promotions_version_id"
        ),
    )
    op.create_index("ix_promotions_program", "promotions", ["program"])
    # Until now every version became live in the transaction that recorded it.
    op.execute(
        "INSERT INTO promotions (program, version_id, since, promoted_by, why)"
        " SELECT program, id, created_at, created_by, reason FROM model_versions"
        " ORDER BY program, number"
    )
