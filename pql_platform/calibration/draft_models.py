"""The models of programs that are in no file yet: rendered to be asked, never deployed.

For whoever wants to know what a definition would say: a draft, or the other side of a change. What
is in force is deployed by `warehouse.building`, and described in full by `warehouse.manifest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pql_platform.program.schema import Program
from pql_platform.settings import Settings
from pql_platform.warehouse.deployments import Deployed
from pql_platform.warehouse.project import open_context

if TYPE_CHECKING:
    from sqlmesh.core.model import Model


def render_models(
    settings: Settings, programs: Sequence[Program], schema: str | None = None
) -> list[Deployed]:
    """Render the models of some programs, in the order in which they are computed.

    Takes 2 to 4 s, since it imports SQLMesh. `rescoring.as_known_at` computes what it returns.

    Args:
        settings: The installation.
        programs: Valid, of different names, with the same `accounts.from`.
        schema: Only the models of this schema; None means all.
    """
    context = open_context(settings, programs)
    try:
        ordered = [context.models[fqn] for fqn in context.dag.sorted if fqn in context.models]
        return [
            _rendered(model)
            for model in ordered
            if not model.kind.is_external and schema in (None, model.name.partition(".")[0])
        ]
    finally:
        context.close()


def _rendered(model: Model) -> Deployed:
    """A model with its query as `manifest` renders it, without audits, lineage and fingerprint.

    Those take longer than all the rest, and nobody asks them of a draft.
    """
    from sqlglot import exp

    query = model.render_query_or_raise().copy()
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
    kind = "view" if model.kind.is_view else "table"
    return Deployed(model.name, kind, None, query.sql("duckdb", comments=False))
