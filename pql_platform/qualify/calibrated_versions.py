"""Versions that weigh signals anew: recorded with their evidence, and kept as files too.

Recording makes nothing live; that is `promotion`. How weights are found and what speaks for them is
the caller's: here a calibration becomes a version that can never be other than it was recorded.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import Calibration, calibrated, calibration_of
from pql_platform.ledger.versions import ModelVersion, NewVersion, live_version, record_version
from pql_platform.program.lint import refusals
from pql_platform.program.load import program_text
from pql_platform.program.schema import Program
from pql_platform.program.source import field_name
from pql_platform.qualify.versions import version_digest
from pql_platform.settings import Settings
from pql_platform.warehouse.definition import definition_digest

_NEW = "the new version"


def program_with(
    program: Program,
    weights: Mapping[str, Decimal],
    points: Mapping[str, Decimal],
    compounds: Sequence[Mapping[str, Any]] | None = None,
) -> Program:
    """Return the program of a file as it would judge with other weights, points and compounds.

    Args:
        program: The program file as it is written.
        weights: Points per category, together 100.
        points: Most points per signal; those of a category add up to its weight.
        compounds: As a program file writes them; None leaves those of the file.

    Raises:
        PqlError: They make no program; says which and what to change.
    """
    effective = calibrated(
        program, Calibration(_NEW, definition_digest(program), weights, points, compounds)
    )
    for refusal in refusals(effective):
        raise PqlError(refusal.message, field=field_name(refusal.loc), hint=refusal.hint)
    return effective


def record_calibrated(
    conn: Connection,
    program: Program,
    *,
    weights: Mapping[str, Decimal],
    points: Mapping[str, Decimal],
    compounds: Sequence[Mapping[str, Any]] | None = None,
    enter_account: Decimal,
    enter_user: Decimal,
    population: int,
    qualified_share: Decimal,
    evidence: Mapping[str, Any],
    data_from: datetime,
    data_to: datetime,
    created_at: datetime,
    created_by: str,
    reason: str,
) -> ModelVersion:
    """Record a calibration of a program file as a version, which is not live yet.

    Args:
        conn: The ledger, in a transaction.
        program: The program file as it is written: the calibration is good for it alone.
        weights: Points per category, together 100.
        points: Most points per signal; those of a category add up to its weight.
        compounds: As a program file writes them; None leaves those of the file.
        enter_account: The threshold of accounts.
        enter_user: The threshold of users.
        population: How many accounts the threshold was drawn on.
        qualified_share: The share of them that qualifies.
        evidence: What speaks for it, JSON-able.
        data_from: The first moment of the data it was calibrated on.
        data_to: The last one.
        created_at: The moment.
        created_by: Who or what made it.
        reason: Why.

    Raises:
        PqlError: Weights and points make no program.
    """
    effective = program_with(program, weights, points, compounds)
    live = live_version(conn, program.program)
    threshold = program.threshold
    return record_version(
        conn,
        NewVersion(
            program=program.program,
            program_digest=version_digest(effective),
            enter_account=enter_account,
            enter_user=enter_user,
            leave_margin=threshold.leave_margin,
            top_share=threshold.top_share if threshold.enter == "auto" else None,
            population=population,
            qualified_share=qualified_share,
            created_at=created_at,
            created_by=created_by,
            reason=reason,
            parent=live.version.id if live else None,
            program_text=program_text(effective),
            weights=dict(weights),
            points=dict(points),
            compounds=compounds,
            evidence=evidence,
            base_digest=definition_digest(program),
            data_from=data_from,
            data_to=data_to,
        ),
    )


def versions_folder(settings: Settings) -> Path:
    """Where calibrated versions lie as files: beside the programs, where nothing is loaded from."""
    programs = settings.programs
    return (programs.parent if programs.is_file() else programs) / "versions"


def export_versions(settings: Settings, versions: Iterable[ModelVersion]) -> str | None:
    """Write each calibrated version to `versions/<id>.json`, unless it is there.

    For the repository of the programs, and read back by nobody; the ledger is what counts, so a
    folder that cannot be written stops nothing.

    Returns:
        Why it was not done, in a sentence; None when it was.
    """
    folder = versions_folder(settings)
    try:
        for version in versions:
            if calibration_of(version) is None:
                continue
            path, text = folder / f"{version.id}.json", version_json(version)
            # Of the same ledger it is the same text: a version never changes.
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                folder.mkdir(exist_ok=True)
                _write(path, text)
    except OSError as error:
        return f"The versions were not written to {folder} ({error.strerror}); the ledger has them."
    return None


def version_json(version: ModelVersion) -> str:
    """A version as its file: every field, and the program it makes as an object."""
    content = asdict(version)
    text = content.pop("program_text")
    content["definition"] = json.loads(text) if text else None
    return json.dumps(content, default=_plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _write(path: Path, text: str) -> None:
    """Write a file that is either absent or complete."""
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
