"""Operational state that must survive: versions, hand-offs, outbox, breakers.

One database reached through SQLAlchemy Core: SQLite by default, Postgres by URL. Callers hold the
connection, so that what belongs together commits together. Import the modules directly.
"""
