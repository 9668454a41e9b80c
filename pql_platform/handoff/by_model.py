"""Who is a lead by a new model version alone, and not by what anybody did since it became live.

Asked in the first pass that another version judges than the pass before. Such crossings are
recorded, named in one digest, and alert nobody one by one: nothing happened that a rep could call
about today. Recording them is `crossings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from sqlalchemy import Connection

from pql_platform.domain.grammar import counted
from pql_platform.domain.qualification import Entry
from pql_platform.errors import PqlError
from pql_platform.ledger.handoffs import NewHandoff
from pql_platform.ledger.judged_passes import judge_of_last_pass
from pql_platform.ledger.versions import Promotion, find_version, list_promotions
from pql_platform.qualify.kept_programs import program_of_version
from pql_platform.qualify.tiers import compute_tiers, read_subjects
from pql_platform.qualify.versions import InForce, thresholds_of
from pql_platform.warehouse.deployments import Deployed, deployed_models
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

_JUST_BEFORE = timedelta(microseconds=1)

Crosser = tuple[str, str]
"""Level and id of a user or account."""


@dataclass(frozen=True)
class Switch:
    """That this pass is judged by another version than the pass before.

    Attributes:
        before: What judged the pass before.
        now: What judges this one.
        promotion: When, by whom and why the new version became live.
    """

    before: InForce
    now: InForce
    promotion: Promotion

    @property
    def reason(self) -> str:
        """Why a crossing by the new version is not alerted."""
        return f"the new version {self.now.thresholds.version} alone"


def switch_of(conn: Connection, judge: InForce) -> Switch | None:
    """Return what changed since the pass before; None while the same version judges.

    Args:
        conn: The ledger.
        judge: What judges this pass.
    """
    program = judge.program.program
    last = judge_of_last_pass(conn, program)
    if last is None or last == judge.thresholds.version:
        return None
    promoted = [
        one for one in list_promotions(conn, program) if one.version_id == judge.thresholds.version
    ]
    version = find_version(conn, last)
    if version is None or not promoted:
        return None
    kept = None
    with suppress(PqlError):  # written by another release: then its thresholds alone are held
        kept = program_of_version(version)
    before = InForce(kept or judge.program, thresholds_of(version), kept is not None)
    return Switch(before, judge, promoted[-1])


def crossed_by_model(
    warehouse: duckdb.DuckDBPyConnection,
    switch: Switch,
    entries: Collection[Entry],
    as_of: datetime,
) -> frozenset[Crosser]:
    """Return which of these crossings the new version makes alone.

    Those that would not be leads now by the version before, and were leads already by the new one
    just before it became live. The first alone would take in who crosses by what happened since.

    Args:
        warehouse: Held for the pass; it is not changed.
        switch: The two versions.
        entries: Who crosses.
        as_of: The clock of the pass.
    """
    then = switch.promotion.since - _JUST_BEFORE
    by_before = _leads(
        warehouse, entries, switch.before, as_of, deployed_models(warehouse, as_of=then)
    )
    new = [entry for entry in entries if crosser(entry) not in by_before]
    by_now = _leads(
        warehouse, new, switch.now, min(then, as_of - _JUST_BEFORE), deployed_models(warehouse)
    )
    return frozenset(crosser(entry) for entry in new) & by_now


def digest_of(
    switch: Switch, crossings: Sequence[NewHandoff], as_of: datetime
) -> dict[str, Any] | None:
    """Return what the digest of a new version says; None when it made nobody cross.

    Args:
        switch: The two versions.
        crossings: What it made cross; each is named.
        as_of: The clock of the pass.
    """
    if not crossings:
        return None
    version = switch.now.thresholds.version
    accounts = sum(crossing.level == "account" for crossing in crossings)
    return {
        "title": f"{' and '.join(_counts(accounts, len(crossings) - accounts))} by {version} alone",
        "program": switch.now.program.program,
        "version": version,
        "before": switch.before.thresholds.version,
        "by": switch.promotion.promoted_by,
        "why": switch.promotion.why,
        "as_of": as_of.astimezone(UTC).isoformat(),
        "leads": [
            {
                "level": crossing.level,
                "id": crossing.subject_id,
                "account": crossing.account_id,
                "name": _name(crossing),
                "score": str(crossing.score),
                "threshold": str(crossing.threshold),
                "tier": crossing.tier,
                "owner": crossing.owner,
            }
            for crossing in sorted(crossings, key=lambda one: (one.level, -one.score))
        ],
    }


def _leads(
    warehouse: duckdb.DuckDBPyConnection,
    entries: Collection[Entry],
    judge: InForce,
    moment: datetime,
    models: Sequence[Deployed],
) -> frozenset[Crosser]:
    """Who of these accounts and their users is a lead by a version, as known at a moment."""
    accounts = {entry.subject.account_id or "" for entry in entries}
    if not accounts:
        return frozenset()
    with as_known_at(warehouse, moment, accounts, models=models), live_schemas(warehouse):
        subjects = read_subjects(warehouse, judge.program)
        judged = compute_tiers(subjects, judge.program, judge.thresholds, moment)
    leads = judged[judged["qualified"]]
    return frozenset(zip(leads["level"], leads["subject_id"], strict=True))


def crosser(entry: Entry) -> Crosser:
    """Who crosses, as a key."""
    return entry.subject.level, entry.subject.subject_id


def _counts(accounts: int, users: int) -> Iterator[str]:
    if accounts:
        yield counted(accounts, "account")
    if users:
        yield counted(users, "user")


def _name(crossing: NewHandoff) -> str:
    """What people call it: the account, or the person and the account."""
    account = crossing.story.get("account_name") or crossing.account_id or crossing.subject_id
    if crossing.level == "account":
        return str(account)
    contact = crossing.story.get("contact") or {}
    return f"{contact.get('name') or crossing.subject_id} ({account})"
