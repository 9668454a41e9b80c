"""What speaks for and against a challenger, as the JSON that its version keeps for ever.

Everything that is said about a version later (`announcement`, `watch`) is read from here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from pql_platform.calibration.backtest import Backtest
from pql_platform.calibration.drift import reference_of
from pql_platform.calibration.examples import Examples
from pql_platform.calibration.points_table import PointsTable, points_rows
from pql_platform.calibration.policy import Decision
from pql_platform.calibration.scoring import score_examples
from pql_platform.calibration.thresholds import ThresholdChoice
from pql_platform.program.schema import Program
from pql_platform.program.signals import Compound


def evidence_of(
    examples: Examples,
    champion: Program,
    table: PointsTable,
    compounds: Sequence[Compound],
    threshold: ThresholdChoice,
    *,
    judged: Backtest,
    decision: Decision,
    shares: tuple[float, float],
    owners: Mapping[str, tuple[int, int]],
) -> dict[str, Any]:
    """Gather the evidence of a challenger.

    Args:
        examples: What it was drawn from.
        champion: The program in force.
        table: Its points.
        compounds: All its compounds.
        threshold: That of the accounts.
        judged: What it would have done on later time.
        decision: What the policy says of it.
        shares: Qualified share of the population now, in force and proposed.
        owners: Per owner, accounts that qualify now, in force and proposed.
    """
    frame = examples.frame
    scored = score_examples(frame, champion, table.points, compounds)
    found = {
        "decision": asdict(decision),
        "backtest": asdict(judged),
        "points_table": [
            {key: str(value) for key, value in asdict(row).items()}
            for row in points_rows(table, champion)
        ],
        "notes": list(table.notes),
        "threshold": {
            "reason": threshold.reason,
            "warnings": list(threshold.warnings),
            "risks": [asdict(risk) for risk in threshold.risks],
        },
        "shares": list(shares),
        "owners": {owner: list(counts) for owner, counts in owners.items()},
        "data": {
            "examples": len(frame),
            "accounts": examples.accounts,
            "converters": examples.converters,
            "censored": examples.censored,
            "index_dates": [date.isoformat() for date in examples.index_dates],
        },
        "reference": reference_of(
            examples, np.asarray(scored.scores), float(threshold.enter)
        ).as_json(),
    }
    # As it will be read back: tuples become lists, and a figure that is none is refused here.
    kept: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return kept
