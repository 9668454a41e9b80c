"""What holds at an instant: is it the present, what judged then, and does what is said of it stand.

The scores of an instant are computed in `scores` and `explanation`; here is only what they need to
know of the time that somebody asked about.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
from sqlalchemy import Connection

from pql_platform.domain.grammar import counted
from pql_platform.errors import PqlError
from pql_platform.ledger.versions import list_versions, version_at, versioned_programs
from pql_platform.program.load import load_programs
from pql_platform.program.schema import Program
from pql_platform.qualify.versions import InForce, in_force
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving


@dataclass(frozen=True)
class Restated:
    """What came late, by its own word known at an instant but recorded only after it.

    Attributes:
        messages: How many messages came late, at most.
        accounts: How many accounts they are about, at most.
        recorded_at: The clock of the last pass that took some in, aware UTC.
    """

    messages: int
    accounts: int
    recorded_at: datetime


@dataclass(frozen=True)
class Standing:
    """How an answer about an instant stands.

    Attributes:
        restated: What came late and has changed what was said then; None when nothing did.
        final: Whether a pass has gone over the instant, so that only late messages change it.
        kept: Whether every version that judged kept its program.
        notes: What of this a reader must know, in sentences; empty when all is as it was said.
    """

    restated: Restated | None
    final: bool
    kept: bool
    notes: tuple[str, ...]

    @property
    def fields(self) -> dict[str, bool]:
        """The same for machines, as it stands in an answer."""
        return {
            "restated": self.restated is not None,
            "final": self.final,
            "program_kept": self.kept,
        }


AS_SAID = Standing(None, final=True, kept=True, notes=())
"""The standing of the last pass itself."""


def last_pass(settings: Settings) -> datetime:
    """Return the clock of the last published pass.

    Raises:
        PqlError: Nothing was published yet.
    """
    with open_serving(settings) as connection:
        row = connection.execute("SELECT as_of FROM raw.clock").fetchone()
    if row is None:
        raise PqlError("There are no scores yet", hint="Run `pql run`")
    as_of: datetime = row[0]
    return as_of.replace(tzinfo=UTC)


def is_present(settings: Settings, as_of: datetime) -> bool:
    """Whether the published copy answers a question about this instant."""
    return as_of == last_pass(settings)


def programs_in_force(
    warehouse: duckdb.DuckDBPyConnection, ledger: Connection, settings: Settings, as_of: datetime
) -> list[InForce]:
    """Return what judged each program at an instant, programs in order of their names.

    At the instant of the last pass it is what that pass judged by, else the version that was live
    then; before a program's first version, that one.

    Raises:
        PqlError: There is no version yet, or one kept no program and its file is gone.
    """

    def today() -> dict[str, Program]:
        return {loaded.name: loaded.program for loaded in load_programs(settings.programs)}

    judged_by = _versions_of_pass(warehouse, as_of)
    found = []
    for name in versioned_programs(ledger):
        if name in judged_by:
            versions = {version.id: version for version in list_versions(ledger, name)}
            version = versions.get(judged_by[name])
        else:
            version = version_at(ledger, name, as_of)
        if version is not None:
            found.append(in_force(version, today))
    if not found:
        raise PqlError("There is no model version yet", hint="Run `pql run`")
    return found


def standing(
    warehouse: duckdb.DuckDBPyConnection, judges: Collection[InForce], as_of: datetime
) -> Standing:
    """Return how an answer about an instant stands, judged by these versions."""
    late = restated_since(warehouse, as_of)
    clock = warehouse.execute("SELECT MAX(as_of) FROM warehouse.raw.clock").fetchone()
    final = clock is not None and clock[0] is not None and _naive(as_of) <= clock[0]
    without = sorted(judge.thresholds.version for judge in judges if not judge.kept)
    notes = []
    if late is not None:
        notes.append(
            f"Up to {counted(late.messages, 'message')} about {counted(late.accounts, 'account')} "
            f"came late, the last taken in at {late.recorded_at:%F %H:%M} UTC: they count here, "
            "and did not yet count in what was said at the time."
        )
    if not final:
        notes.append("No pass has gone over this time yet: what still arrives may change it.")
    if without:
        notes.append(
            f"{', '.join(without)} kept no program: judged by the program file of today instead."
        )
    return Standing(late, final, not without, tuple(notes))


def restated_since(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Restated | None:
    """Return what was recorded after an instant of messages that were known at it.

    Args:
        connection: The warehouse; one of an older release has recorded nothing.
        as_of: Aware instant.
    """
    if not _has_table(connection, "ops", "restatements"):
        return None
    row = connection.execute(
        """
        SELECT SUM(messages)::BIGINT, SUM(accounts)::BIGINT, MAX(recorded_at)
        FROM warehouse.ops.restatements
        WHERE recorded_at > $as_of
          AND first_received_at <= $as_of
          AND first_occurred_at <= $as_of
        """,
        {"as_of": _naive(as_of)},
    ).fetchone()
    if row is None or row[0] is None:
        return None
    messages, accounts, recorded_at = row
    return Restated(messages, accounts, recorded_at.replace(tzinfo=UTC))


def require_accounts(rows: Collection[Any], as_of: datetime) -> None:
    """Refuse a time before the first event.

    Raises:
        PqlError: Nothing was known at that time.
    """
    if not rows:
        raise PqlError(
            f"Nothing had been received by {as_of.isoformat()}",
            field="as_of",
            hint="Ask for a later time",
        )


def _versions_of_pass(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[str, str]:
    """The version of each program in the tiers, if they are those of this instant."""
    if not _has_table(connection, "pql", "tiers"):
        return {}
    rows = connection.execute(
        "SELECT DISTINCT program, version FROM warehouse.pql.tiers WHERE as_of = ?",
        [_naive(as_of)],
    ).fetchall()
    return dict(rows)


def _has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM duckdb_tables()"
        " WHERE database_name = 'warehouse' AND schema_name = ? AND table_name = ?",
        [schema, table],
    ).fetchone()
    return found is not None


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
