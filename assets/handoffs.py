"""The crossings of a pass as hand-offs in the ledger, with what each one is to send.

Thin: deciding and writing is `pql_platform/handoff`, the states are `pql_platform/ledger`.
"""

from dataclasses import asdict

import dagster as dg

from assets.ingestion import WAREHOUSE_POOL
from assets.tiers import TIERS
from pql_platform.handoff.crossings import Crossings, Pass, record_crossings
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.qualify.judging import judge_of
from pql_platform.qualify.tiers import read_tiers
from pql_platform.resources import Ledger, ScoringPass, Warehouse
from pql_platform.team.load import load_team
from pql_platform.warehouse.rescoring import read_clock

HANDOFFS = dg.AssetKey(["ledger", "handoffs"])
EVERY_CROSSING_HAS_A_FATE = "every_crossing_has_exactly_one_fate"


@dg.asset(
    key=HANDOFFS,
    deps=[TIERS],
    group_name="handoffs",
    kinds={"sqlite"},
    owners=["team:growth"],
    pool=WAREHOUSE_POOL,
    check_specs=[
        dg.AssetCheckSpec(
            EVERY_CROSSING_HAS_A_FATE,
            asset=HANDOFFS,
            blocking=True,
            description="crossed = delivered + suppressed + withdrawn + dead + pending, and no "
            "message without its hand-off.",
        )
    ],
)
def handoffs(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    ledger: Ledger,
    scoring_pass: ScoringPass,
) -> dg.MaterializeResult:
    """One row per crossing of a threshold and its fate, with the story that goes with it.

    A crossing and its messages are written in one transaction; the deliveries read them from there.
    """
    engine = ledger.engine()
    totals = Crossings()
    books = {}
    with warehouse.get_connection() as connection:
        this_pass = Pass(
            as_of=read_clock(connection),
            backfill=scoring_pass.mode == "backfill",
            run_id=context.run.run_id,
            team=load_team(warehouse.settings.team),
        )
        for loaded in programs_in_force(warehouse.settings):
            tiers = read_tiers(connection, loaded.name)
            with reading(engine) as conn:
                judge = judge_of(conn, loaded.program, tiers)
            if judge is not None:
                totals += record_crossings(engine, connection, judge, tiers, this_pass)
            with reading(engine) as conn:
                books[loaded.name] = conservation(conn, loaded.name)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(book.crossed for book in books.values()),
            "opened": totals.opened,
            "left": totals.left,
            "risen": totals.risen,
            "digested": totals.digested,
            "suppressed": dg.MetadataValue.json(dict(totals.suppressed)),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=EVERY_CROSSING_HAS_A_FATE,
                passed=all(book.holds for book in books.values()),
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={
                    name: dg.MetadataValue.json(asdict(book)) for name, book in books.items()
                },
            )
        ],
    )
