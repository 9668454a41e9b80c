"""Why a crossing is only recorded and nobody is told: backfill, rollout, account, or model alone.

Reasons only; who crosses is `crossings.py`, what a new model makes cross is `by_model.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pql_platform.domain.qualification import Entry
from pql_platform.handoff.by_model import Crosser, Switch, crossed_by_model, crosser
from pql_platform.ledger.feedback import Feedback
from pql_platform.ledger.states import BY_MODEL
from pql_platform.program.schema import Program
from pql_platform.program.sections import Rollout

OUTSIDE_SAMPLE = "outside the sample of the pilot stage"


@dataclass(frozen=True)
class Silence:
    """Why nobody is told of a crossing, and what made it if not what somebody did."""

    reason: str
    caused_by: str | None = None


def silences(
    warehouse: duckdb.DuckDBPyConnection,
    program: Program,
    entries: Collection[Entry],
    accounts_held: Collection[str],
    unfit: Mapping[Crosser, Feedback],
    rollout: Rollout,
    *,
    as_of: datetime,
    backfill: bool,
    switch: Switch | None,
) -> Mapping[Crosser, Silence]:
    """Return the crossings that are only recorded, with the reason.

    Args:
        warehouse: For what another version would have said.
        program: The program that judges.
        entries: Who crosses.
        accounts_held: Accounts that were handed over before and still are.
        rollout: How far the program reaches now.
        unfit: Subjects of which somebody said lately that they do not fit.
        as_of: The clock of the pass.
        backfill: Whether the pass only records.
        switch: The version before, where another one judges than in the pass before.
    """
    everybody = _why_nobody_is_told(rollout, backfill)
    if everybody is not None:
        return {crosser(entry): Silence(everybody) for entry in entries}
    sampled = [entry for entry in entries if _in_sample(entry, program, rollout)]
    by_model: frozenset[Crosser] = frozenset()
    if switch is not None:
        by_model = crossed_by_model(warehouse, switch, sampled, as_of)
    held = {subject for level, subject in map(crosser, entries) if level == "account"}
    held |= set(accounts_held)
    # Nobody hears of an account that is a lead by the model alone, so its users speak for it.
    told = held - {subject for level, subject in by_model if level == "account"}
    found = {}
    for entry in entries:
        key = crosser(entry)
        accounts = held if key in by_model else told
        if entry.subject.level == "user" and entry.subject.account_id in accounts:
            found[key] = Silence("the whole account is handed over")
        elif key in unfit:
            said = unfit[key]
            found[key] = Silence(
                f"said not to be a fit by {said.given_by} on {said.given_at:%Y-%m-%d}"
            )
        elif not _in_sample(entry, program, rollout):
            found[key] = Silence(OUTSIDE_SAMPLE)
        elif switch is not None and key in by_model:
            found[key] = Silence(switch.reason, BY_MODEL)
    return found


def _why_nobody_is_told(rollout: Rollout, backfill: bool) -> str | None:
    if backfill:
        return "history loaded in backfill mode"
    if rollout.stage == "shadow":
        return "the program is in its shadow stage"
    return None


def _in_sample(entry: Entry, program: Program, rollout: Rollout) -> bool:
    """A fixed part of all accounts, the same on every pass: by hash, not by chance."""
    if rollout.stage != "pilot":
        return True
    digest = hashlib.sha256(f"{program.program}/{entry.subject.account_id}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 < rollout.sample
