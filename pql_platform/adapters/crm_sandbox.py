"""The CRM that is there without a CRM: records in the ledger database, behind the same port.

For trying the platform out, and for tests. What a hand-off writes is decided elsewhere; reading the
records back is plain SQL on the `crm_` tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Table, select, update
from sqlalchemy.exc import OperationalError

from pql_platform.adapters import crm
from pql_platform.domain.delivery import Ambiguous, Evidence, Message, Rejected, TryLater
from pql_platform.ledger.crm_tables import crm_companies, crm_contacts, crm_enrolments, crm_tasks
from pql_platform.ledger.engine import reading
from pql_platform.ledger.insertion import insert_once

_TABLES: Final[Mapping[str, Table]] = {
    crm.COMPANY: crm_companies,
    crm.CONTACT: crm_contacts,
    crm.TASK: crm_tasks,
    crm.ENROLMENT: crm_enrolments,
}
_OWN_COLUMNS: Final = frozenset(
    {
        *("last_key", "created_at", "updated_at"),
        # What people write there, and the end of a task, which is a message of its own.
        *("account_owner", "completed_at", "completed_by", "closed_at", "closed_because"),
    }
)


class SandboxCRM:
    """The port of `pql_platform.adapters.crm` on tables of the ledger.

    Args:
        engine: The ledger, as `open_ledger` returns it.
    """

    # A write to our own database is there at once or not at all, and needs no pace.
    settle_seconds: float = 0.0
    pace_seconds: float = 0.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def deliver(self, message: Message, now: datetime) -> Evidence:
        """Create or update the record of a message.

        Raises:
            Rejected: The kind is unknown, or the payload does not have its fields.
            Ambiguous: The database did not say whether it wrote.
        """
        if message.kind == crm.TASK_CLOSE:
            return self._close(message, now)
        table = _table(message)
        record = _record(table, message.payload)
        written = {**record, "last_key": message.key, "updated_at": now}
        same = table.c.external_id == record["external_id"]
        try:
            with self._engine.begin() as conn:
                created = insert_once(conn, table, {**written, "created_at": now}, same)
                if not created:
                    conn.execute(update(table).where(same).values(**written))
        except OperationalError as error:
            raise Ambiguous(f"the sandbox did not answer ({error.orig})") from error
        return _evidence(table, record["external_id"], "created" if created else "updated")

    def find(self, message: Message) -> Evidence | None:
        """Look for a record that this message wrote last.

        Raises:
            Rejected: The kind is unknown, or the payload does not have its fields.
            TryLater: The database could not be read.
        """
        if message.kind == crm.TASK_CLOSE:
            return None  # made twice it is the same
        table = _table(message)
        external_id = _record(table, message.payload)["external_id"]
        wrote = (table.c.external_id == external_id) & (table.c.last_key == message.key)
        try:
            with reading(self._engine) as conn:
                found = conn.execute(select(table.c.external_id).where(wrote)).first()
        except OperationalError as error:
            raise TryLater(f"the sandbox cannot be read ({error.orig})") from error
        return _evidence(table, external_id, "found") if found else None

    def contacted(self, task_ids: Sequence[str]) -> Mapping[str, tuple[datetime, str]]:
        """When and by whom tasks were completed, by external id; absent if not.

        Raises:
            TryLater: The database could not be read.
        """
        query = select(
            crm_tasks.c.external_id, crm_tasks.c.completed_at, crm_tasks.c.completed_by
        ).where(crm_tasks.c.external_id.in_(task_ids), crm_tasks.c.completed_at.is_not(None))
        try:
            with reading(self._engine) as conn:
                rows = conn.execute(query).all()
        except OperationalError as error:
            raise TryLater(f"the sandbox cannot be read ({error.orig})") from error
        return {row.external_id: (row.completed_at, row.completed_by or "the CRM") for row in rows}

    def _close(self, message: Message, now: datetime) -> Evidence:
        payload = message.payload
        if missing := {"external_id", "closed_at", "closed_because"} - set(payload):
            raise Rejected(f"the end of a task needs the field {sorted(missing)[0]}")
        open_task = (crm_tasks.c.external_id == payload["external_id"]) & (
            crm_tasks.c.completed_at.is_(None)
        )
        written = {
            "closed_at": _moment(str(payload["closed_at"])),
            "closed_because": payload["closed_because"],
            "last_key": message.key,
            "updated_at": now,
        }
        try:
            with self._engine.begin() as conn:
                changed = conn.execute(update(crm_tasks).where(open_task).values(**written))
        except OperationalError as error:
            raise Ambiguous(f"the sandbox did not answer ({error.orig})") from error
        done = "closed" if changed.rowcount else "nothing left to close"
        return _evidence(crm_tasks, str(payload["external_id"]), done)


def _table(message: Message) -> Table:
    try:
        return _TABLES[message.kind]
    except KeyError:
        raise Rejected(f"a CRM takes no message of kind {message.kind}") from None


def _record(table: Table, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a payload fills.

    Raises:
        Rejected: Naming the first field that is missing, unknown or empty.
    """
    columns = {column.name: column for column in table.c if column.name not in _OWN_COLUMNS}
    for name in payload:
        if name not in columns:
            raise Rejected(f"{table.name} has no field {name}")
    for name, column in columns.items():
        if not column.nullable and payload.get(name) in (None, ""):
            raise Rejected(f"{table.name} needs the field {name}")
    record = {name: payload.get(name) for name in columns}
    if "due_at" in record:
        record["due_at"] = _moment(str(record["due_at"]))
    return record


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"due_at is no moment: {text}") from error
    if moment.utcoffset() is None:
        raise Rejected(f"due_at has no time zone: {text}")
    return moment


def _evidence(table: Table, external_id: str, written: str) -> Evidence:
    return Evidence(f"{table.name}/{external_id}", {"written": written})
