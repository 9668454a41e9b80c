"""Inserting a row that another process may be inserting too.

For rows whose identity says that a second copy is the same thing. Upserts, which change what is
there, do not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, insert, literal, select
from sqlalchemy.exc import IntegrityError


def insert_once(
    conn: Connection, table: Table, values: Mapping[str, Any], same: ColumnElement[bool]
) -> bool:
    """Insert unless the same row is there already.

    Args:
        conn: In a transaction, which stays usable whatever happens.
        table: The table.
        values: The row.
        same: The condition by which an existing row counts as the same.

    Returns:
        Whether the row is new.

    Raises:
        IntegrityError: The row breaks a constraint other than being there already.
    """
    present = select(literal(1)).select_from(table).where(same)
    if conn.execute(present).first():
        return False
    try:
        # Without the savepoint, Postgres would refuse everything after a lost race.
        with conn.begin_nested():
            conn.execute(insert(table).values(**values))
    except IntegrityError:
        if conn.execute(present).first():
            return False
        raise
    return True
