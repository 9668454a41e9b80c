"""What a calibrated version found and on what, who judged the last pass, and crossings by a model.

Versions recorded before were not calibrated, and what made earlier crossings is not asked again.
Which version judged the last pass is written down by the next one.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    # Plain ADD COLUMNs: rebuilding the tables would break the references to them on SQLite.
    for column in (
        sa.Column("weights", sa.JSON),
        sa.Column("points", sa.JSON),
        sa.Column("compounds", sa.JSON),
        sa.Column("evidence", sa.JSON),
        sa.Column("base_digest", sa.String(64)),
        sa.Column("data_from", sa.DateTime(timezone=True)),
        sa.Column("data_to", sa.DateTime(timezone=True)),
    ):
        op.add_column("model_versions", column)
    op.add_column("handoffs", sa.Column("caused_by", sa.String(20)))
    op.create_table(
        "judged_passes",
        sa.Column("program", sa.String(150), nullable=False),
        sa.Column("version_id", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("program", name="pk_judged_passes"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name="fk_judged_passes_version_id"
        ),
    )
