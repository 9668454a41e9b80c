"""The Alembic environment of the ledger; `pql_platform.ledger.migrate` runs it.

One file per revision under `versions`, written by hand and never changed once released. A new one
is also added to `pql_platform.ledger.engine.REVISIONS`.
"""
