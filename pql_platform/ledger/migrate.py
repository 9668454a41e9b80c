"""Brings a ledger to the newest revision, inside the caller's transaction.

Apart from `engine` because importing Alembic takes a quarter of a second, which the alert path does
not pay. Deciding whether an upgrade is needed, and locking, happen there.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(conn: Connection) -> None:
    """Run every revision that the ledger lacks, without committing."""
    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def revisions() -> tuple[str, ...]:
    """Every revision on disk, oldest first."""
    walked = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(script.revision for script in reversed(list(walked)))


def _config() -> Config:
    config = Config()
    # Alembic interpolates percent signs, and a path may hold one.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
