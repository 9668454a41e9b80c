"""The live versions held against the latest examples, between two quarters.

Only versions that keep what they were calibrated on can be held against anything; the others are
passed over. What counts as drift is in `drift`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Engine

from pql_platform.calibration.drift import Drift, Reference, drift
from pql_platform.calibration.examples import collect_examples
from pql_platform.calibration.scoring import score_examples
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.engine import reading
from pql_platform.ledger.versions import ModelVersion, live_version
from pql_platform.program.schema import Program
from pql_platform.qualify.judging import scores_follow
from pql_platform.qualify.versions import thresholds_of
from pql_platform.settings import Settings
from pql_platform.warehouse.copies import open_copy
from pql_platform.warehouse.rescoring import read_clock

LOOKBACK_DAYS, EVERY_DAYS = 180, 45
"""A few dates of the latest half year: enough to see, and a third of a calibration's work."""


def watch_drift(
    settings: Settings, engine: Engine, as_of: datetime | None
) -> dict[str, Drift] | None:
    """Measure the drift of every program whose live version keeps its reference.

    Args:
        settings: The installation.
        engine: The ledger.
        as_of: Aware instant that is the clock; None means that of the last pass.

    Returns:
        By program; empty where no live version was calibrated. None while the scores do not follow
        the programs in force: a version was promoted, and no pass has come since.

    Raises:
        PqlError: There is too little history.
    """
    watched: list[tuple[Program, ModelVersion]] = []
    with reading(engine) as conn:
        for loaded in programs_in_force(settings):
            live = live_version(conn, loaded.name)
            if live is not None and live.version.evidence:
                watched.append((loaded.program, live.version))
    if not watched:
        return {}
    found = {}
    with open_copy(settings) as connection:
        if not scores_follow(connection, settings):
            return None
        now = as_of or read_clock(connection) + timedelta(microseconds=1)
        for program, version in watched:
            examples = collect_examples(
                connection, program, now, lookback_days=LOOKBACK_DAYS, every_days=EVERY_DAYS
            )
            scores = np.asarray(score_examples(examples.frame, program).scores)
            reference = Reference.from_json((version.evidence or {})["reference"])
            enter = float(thresholds_of(version).account)
            found[program.program] = drift(reference, examples, scores, enter)
    return found
