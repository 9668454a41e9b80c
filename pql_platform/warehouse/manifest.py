"""What the rest of the platform knows of the SQLMesh models without importing SQLMesh.

For each model: its place, its queries rendered for DuckDB with two-part names, its audits, columns,
where these come from, and its fingerprint. Written at deploy, read at every start of a process. The
rendered queries run unchanged in any catalog that holds the same schemas, which is how the
near-real-time path and questions about the past share one definition with the full rebuild.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.program.schema import Program
from pql_platform.settings import Settings
from pql_platform.warehouse import lineage
from pql_platform.warehouse.definition import compile_definition
from pql_platform.warehouse.lineage import Lineage, SourceColumn, column_lineage
from pql_platform.warehouse.project import PROJECT, open_context

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.model import Model


@dataclass(frozen=True)
class Audit:
    """One audit of a model: the query of the rows that break its promise."""

    name: str
    query: str


@dataclass(frozen=True)
class ModelManifest:
    """One SQLMesh model as everything outside SQLMesh sees it."""

    name: str
    kind: str
    description: str
    owner: str
    grain: tuple[str, ...]
    depends_on: tuple[str, ...]
    columns: tuple[tuple[str, str, str], ...]
    lineage: Lineage
    audits: tuple[Audit, ...]
    query: str
    fingerprint: str


def load_manifest(settings: Settings) -> tuple[ModelManifest, ...]:
    """Return the models in the order in which they are computed.

    Read from the cache under PQL_HOME when the programs and the SQLMesh project have not changed
    since; otherwise rendered anew, which imports SQLMesh and takes some seconds.
    """
    cache = _cache(settings)
    if cache.exists():
        return _from_json(cache.read_text(encoding="utf-8"))
    models = render_manifest(settings)
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps([asdict(model) for model in models]), encoding="utf-8")
    part.replace(cache)
    return models


def rendered_manifest(
    settings: Settings, programs: Sequence[Program] | None = None
) -> tuple[ModelManifest, ...] | None:
    """Return what `load_manifest` would, or None where that would have to render it first.

    For whoever only looks and must not wait. Never None for models that are deployed.

    Args:
        settings: The installation.
        programs: The programs in force, if they are at hand.
    """
    cache = _cache(settings, programs)
    return _from_json(cache.read_text(encoding="utf-8")) if cache.exists() else None


def accepted_manifest(settings: Settings) -> tuple[ModelManifest, ...]:
    """Return what `load_manifest` does or, while a program file is refused, what it did last.

    Names and columns for whoever lists the models: deliveries and messages to people must go out
    although nothing can be computed. Whoever computes asks `load_manifest`, and is refused.

    Raises:
        PqlError: A program file is refused, and none was accepted before.
    """
    try:
        return load_manifest(settings)
    except PqlError:
        accepted = sorted(
            _folder(settings).glob(f"{_renderer()}-*.json"), key=lambda path: path.stat().st_mtime
        )
        if not accepted:
            raise
        return _from_json(accepted[-1].read_text(encoding="utf-8"))


def render_manifest(settings: Settings) -> tuple[ModelManifest, ...]:
    """Render every model with SQLMesh, without touching the warehouse file."""
    context = open_context(settings)
    try:
        return manifest_of(context)
    finally:
        context.close()


def manifest_of(context: Context) -> tuple[ModelManifest, ...]:
    """Describe the models of an open context, in dependency order."""
    ordered = [
        context.models[fqn]
        for fqn in context.dag.sorted
        if fqn in context.models and not context.models[fqn].kind.is_external
    ]
    return tuple(_describe(context, model) for model in ordered)


def _describe(context: Context, model: Model) -> ModelManifest:
    types = model.columns_to_types or {}
    query = model.render_query_or_raise()
    return ModelManifest(
        name=model.name,
        kind="view" if model.kind.is_view else "table",
        description=model.description or "",
        owner=model.owner or "",
        grain=tuple(
            column.sql()
            for grain in model.grains
            for column in getattr(grain, "expressions", None) or [grain]
        ),
        depends_on=tuple(
            sorted(
                ".".join(part.strip('"') for part in fqn.split(".")[-2:])
                for fqn in model.depends_on
            )
        ),
        columns=tuple(
            (name, kind.sql("duckdb").lower(), model.column_descriptions.get(name, ""))
            for name, kind in types.items()
        ),
        audits=tuple(
            Audit(audit.name, _two_part(model.render_audit_query(audit, **cast(Any, arguments))))
            for audit, arguments in model.audits_with_args
        ),
        lineage=column_lineage(query),
        query=_two_part(query),
        fingerprint=context.get_snapshot(model, raise_if_missing=True).fingerprint.data_hash,
    )


def _two_part(query: object) -> str:
    """SQL text with `schema.table` in place of `catalog.schema.table`."""
    from sqlglot import exp

    assert isinstance(query, exp.Expression)  # noqa: S101 - SQLMesh types it as Query
    copy = query.copy()
    for table in copy.find_all(exp.Table):
        table.set("catalog", None)
    return copy.sql("duckdb", comments=False)


def _folder(settings: Settings) -> Path:
    return settings.home / "manifest"


def _cache(settings: Settings, programs: Sequence[Program] | None = None) -> Path:
    return _folder(settings) / f"{_renderer()}-{manifest_digest(settings, programs)}.json"


def _renderer() -> str:
    """A short hash of the code that renders: another one may write another form."""
    code = b"".join(Path(module).read_bytes() for module in (__file__, lineage.__file__))
    return hashlib.sha256(code).hexdigest()[:8]


def manifest_digest(settings: Settings, programs: Sequence[Program] | None = None) -> str:
    """Return a short hash of all that decides the models: the programs in force and the project.

    Args:
        settings: The installation.
        programs: The programs in force, if they are at hand.

    Raises:
        PqlError: A program file is refused, or the ledger cannot be read.
    """
    if programs is None:
        programs = [loaded.program for loaded in programs_in_force(settings)]
    parts = [compile_definition(programs).encode()]
    for path in sorted(_sources(PROJECT)):
        parts.append(path.relative_to(PROJECT).as_posix().encode())
        parts.append(path.read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _sources(project: Path) -> Sequence[Path]:
    return [
        path
        for folder in ("models", "macros", "audits")
        for path in (project / folder).rglob("*")
        if path.suffix in (".sql", ".py")
    ] + [project / "external_models.yaml"]


def _from_json(text: str) -> tuple[ModelManifest, ...]:
    return tuple(
        ModelManifest(
            **{
                **entry,
                "grain": tuple(entry["grain"]),
                "depends_on": tuple(entry["depends_on"]),
                "columns": tuple((name, kind, says) for name, kind, says in entry["columns"]),
                "lineage": tuple(
                    (name, tuple(SourceColumn(**source) for source in sources))
                    for name, sources in entry["lineage"]
                ),
                "audits": tuple(Audit(**audit) for audit in entry["audits"]),
            }
        )
        for entry in json.loads(text)
    )
