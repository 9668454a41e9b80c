"""The published copy of scores and tiers that the CLI, the UI and people's queries read.

What is in it is decided in `pql_platform/warehouse/serving.py`.
"""

import dagster as dg

from assets.handoffs import HANDOFFS
from assets.ingestion import WAREHOUSE_POOL
from assets.tiers import TIERS
from pql_platform.resources import Warehouse
from pql_platform.warehouse.serving import PUBLISHED, publish

SERVING = dg.AssetKey(["serving", "tables"])


@dg.asset(
    key=SERVING,
    deps=[TIERS, HANDOFFS],
    group_name="serving",
    kinds={"duckdb"},
    owners=["team:data"],
    pool=WAREHOUSE_POOL,
)
def serving_tables(warehouse: Warehouse) -> dg.MaterializeResult:
    """A read-only copy of what people ask about, put in place whole by an atomic rename.

    As fresh as the last pass; reading it waits for nobody and holds up nobody.
    """
    with warehouse.get_connection() as connection:
        size = publish(connection, warehouse.settings)
    return dg.MaterializeResult(
        metadata={"tables": len(PUBLISHED), "size_bytes": size, "path": "serving.duckdb"}
    )
