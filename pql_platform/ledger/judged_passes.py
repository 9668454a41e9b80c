"""Which version judged the last pass whose crossings are in the ledger.

Written in the transaction of the crossings, so that a pass that was stopped halfway does not count.
What another version than before means for a crossing is decided in `pql_platform.handoff`.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.tables import judged_passes


def judge_of_last_pass(conn: Connection, program: str) -> str | None:
    """Id of the version that judged the last pass; None before the first."""
    query = select(judged_passes.c.version_id).where(judged_passes.c.program == program)
    return conn.execute(query).scalar()


def note_judge(conn: Connection, program: str, version_id: str) -> None:
    """Write down who judged this pass; nothing is written while it is who judged before."""
    if judge_of_last_pass(conn, program) == version_id:
        return
    row = {"program": program, "version_id": version_id}
    if not insert_once(conn, judged_passes, row, judged_passes.c.program == program):
        conn.execute(
            update(judged_passes)
            .where(judged_passes.c.program == program)
            .values(version_id=version_id)
        )
