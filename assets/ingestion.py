"""From the inbox into the warehouse: `raw.events`, every message once.

Reading and judging files is the intake's business; this only loads what waits.
"""

import dagster as dg

from pql_platform.resources import ScoringPass, Warehouse
from pql_platform.warehouse.loading import clear_unscored, load_inbox, unaccounted_loads

WAREHOUSE_POOL = "warehouse"
"""One step at a time may have the warehouse file open."""

RAW_EVENTS = dg.AssetKey(["raw", "events"])
CONSERVATION = "every_accepted_record_is_stored_duplicate_or_quarantined"


@dg.asset(
    key=RAW_EVENTS,
    group_name="ingestion",
    kinds={"duckdb", "parquet"},
    owners=["team:data"],
    pool=WAREHOUSE_POOL,
    check_specs=[
        dg.AssetCheckSpec(
            CONSERVATION,
            asset=RAW_EVENTS,
            blocking=True,
            description="For every inbox file: accepted = stored + duplicates + quarantined, "
            "counted on the rows themselves.",
        )
    ],
)
def raw_events(warehouse: Warehouse, scoring_pass: ScoringPass) -> dg.MaterializeResult:
    """Every unique product message ever received, one row per message id, exactly as it came.

    Read by the staging models. A file leaves the inbox only after its rows are committed.
    """
    clear_unscored(warehouse.settings)
    with warehouse.get_connection() as connection:
        counts = load_inbox(connection, warehouse.settings, scoring_pass.moment)
        unaccounted = unaccounted_loads(connection)
        (total,) = connection.execute("SELECT COUNT(*) FROM raw.events").fetchone() or (0,)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "files": counts.files,
            "accepted": counts.accepted,
            "stored": counts.stored,
            "duplicates": counts.duplicates,
            "quarantined": counts.quarantined,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=CONSERVATION,
                passed=not unaccounted,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={
                    "files_at_fault": dg.MetadataValue.json(
                        [
                            {"file": file, "accepted": accepted, "accounted_for": found}
                            for file, accepted, found in unaccounted[:20]
                        ]
                    )
                },
            )
        ],
    )
