"""`pql versions`: every model version, which one is live, who made and who approved it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from pql_platform.cli.output import AsJson, people, print_json
from pql_platform.domain.grammar import number
from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import calibration_of
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.versions import (
    ModelVersion,
    Promotion,
    list_promotions,
    list_versions,
    live_version,
)
from pql_platform.program.suggest import did_you_mean
from pql_platform.qualify.kept_programs import program_of_version
from pql_platform.settings import load_settings


def versions(
    program: Annotated[str | None, typer.Option(metavar="NAME", help="One program only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the model versions, the latest last."""
    settings = load_settings()
    settings.prepare_home()
    engine = open_ledger(settings.ledger_url)
    try:
        with reading(engine) as conn:
            rows = _rows(conn, program)
    finally:
        engine.dispose()
    if as_json:
        print_json(rows)
        return
    if not rows:
        people.print("There is no version yet: `pql run` makes the first one.")
    for row in rows:
        # Sentences and not a table: reasons are as long as people make them.
        people.print(_headline(row), style="bold", highlight=False, markup=False)
        people.print(f"  made by {row['author']}: {row['reason']}", highlight=False, markup=False)
        people.print(f"  {_judges(row)}", highlight=False, markup=False)


def _rows(conn: Connection, program: str | None) -> list[dict[str, Any]]:
    found = list_versions(conn)
    programs = list(dict.fromkeys(version.program for version in found))
    if program is not None and program not in programs:
        raise PqlError(
            f"There is no version of a program {program}",
            field="program",
            hint=did_you_mean(program, programs) or "Run `pql run`, which makes the first one",
        )
    rows = []
    for name in programs if program is None else [program]:
        live = live_version(conn, name)
        # The last time counts: a version that was rolled back to has been live before.
        promoted = {one.version_id: one for one in list_promotions(conn, name)}
        rows += [
            _row(version, promoted.get(version.id), live is not None and live.version == version)
            for version in found
            if version.program == name
        ]
    return rows


def _row(version: ModelVersion, promotion: Promotion | None, live: bool) -> dict[str, Any]:
    return {
        "id": version.id,
        "program": version.program,
        "live": live,
        "since": promotion.since if promotion else None,
        "author": version.created_by,
        "approver": promotion.promoted_by if promotion else None,
        "reason": version.reason,
        "approval": promotion.why if promotion else None,
        "account_threshold": version.enter_account,
        "user_threshold": version.enter_user,
        "weights": _weights_of(version),
        "points": version.points,
        "calibrated": calibration_of(version) is not None,
        "population": version.population,
        "qualified_share": version.qualified_share,
        "parent": version.parent,
        "created_at": version.created_at,
        "data_from": version.data_from,
        "data_to": version.data_to,
        "evidence": version.evidence,
    }


def _weights_of(version: ModelVersion) -> dict[str, Decimal] | None:
    """The points per category, calibrated or of its program; None where neither is known."""
    if version.weights is not None:
        return dict(version.weights)
    try:
        program = program_of_version(version)
    except PqlError:  # written by another release
        return None
    return {str(name): points for name, points in program.weights.items()} if program else None


def _headline(row: Mapping[str, Any]) -> str:
    if row["since"] is None:
        return f"{row['id']}  never live"
    state = "live since" if row["live"] else "was live from"
    since = f"{state} {row['since']:%Y-%m-%d %H:%M} UTC"
    return f"{row['id']}  {since}, approved by {row['approver']}: {row['approval']}"


def _judges(row: Mapping[str, Any]) -> str:
    """Thresholds and weights in words."""
    levels = (("accounts", row["account_threshold"]), ("users", row["user_threshold"]))
    said = [f"{level} from {number(points)}" for level, points in levels if points is not None]
    said += [f"{name} {number(points)}" for name, points in (row["weights"] or {}).items()]
    return ", ".join(said)
