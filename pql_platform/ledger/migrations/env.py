"""Runs the revisions on the connection that `pql_platform.ledger.migrate` hands over.

The caller owns the transaction and the lock around it; nothing is configured from files.
"""

from __future__ import annotations

from alembic import context

from pql_platform.ledger.engine import VERSION_TABLE
from pql_platform.ledger.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
