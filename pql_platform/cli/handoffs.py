"""`pql handoffs`: each crossing and its fate."""

from __future__ import annotations

from pql_platform.cli.output import AsJson, print_json, print_table
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import list_handoffs
from pql_platform.settings import load_settings

_KEYS = (
    "id level tier crossed_at state reason owner due_at delivered_at contacted_at outcome".split()
)


def handoffs(as_json: AsJson = False) -> None:
    """Show every crossing, the latest last, with what became of it."""
    settings = load_settings()
    settings.prepare_home()
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        rows = [
            {
                **{key: getattr(handoff, key) for key in _KEYS},
                "account": handoff.account_id,
                "subject": handoff.subject_id,
                "program": handoff.program,
            }
            for handoff in list_handoffs(conn)
        ]
    engine.dispose()
    if as_json:
        print_json(rows)
        return
    columns = ("account", "level", "tier", "crossed_at", "state", "reason", "owner", "due_at")
    print_table(
        f"{len(rows):,} crossings", columns, ([row[key] for key in columns] for row in rows)
    )
