"""Examples with a planted truth, and the small warehouse of tests/warehouse."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from pql_platform.calibration.examples import Examples
from pql_platform.calibration.scoring import score_examples, strengths
from pql_platform.program.load import load_program
from pql_platform.program.schema import Program

REPOSITORY = Path(__file__).parents[2]
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def _import_file(name: str, path: Path) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


_warehouse = _import_file("small_warehouse", REPOSITORY / "tests" / "warehouse" / "conftest.py")
kit, deployed, copied = _warehouse.kit, _warehouse.deployed, _warehouse.copied


@pytest.fixture(scope="session")
def boards() -> Program:
    """The demo product's program: five signals in four categories."""
    return load_program(REPOSITORY / "programs" / "boards.yaml").program


def plant(
    program: Program,
    effects: Mapping[str, float],
    *,
    accounts: int = 400,
    dates: int = 9,
    step_days: int = 31,
    base: float = -3.5,
    seed: int = 1,
    together: tuple[Mapping[str, float], float] | None = None,
) -> Examples:
    """Examples in which nothing but the strength of some signals leads to a purchase.

    Args:
        program: Its signals.
        effects: Signal -> log odds of a purchase at its full strength; the others have none.
        accounts: Accounts, all there from the first date until they buy.
        dates: Index dates.
        step_days: Days between them.
        base: Log odds without any signal.
        seed: Of everything drawn.
        together: Values that several signals must reach, and the log odds of reaching all.
    """
    rng = np.random.default_rng(seed)
    rows = accounts * dates
    who = np.tile(np.arange(accounts), dates)
    when = np.repeat(np.arange(dates), accounts)
    columns: dict[str, object] = {
        "account_id": np.array([f"a{number:05d}" for number in who], dtype=object),
        "index_at": pd.Timestamp(FIRST.replace(tzinfo=None)).as_unit("us")
        + pd.to_timedelta(when * step_days, unit="D"),
    }
    busy = rng.random(accounts)[who]
    features = {}
    for signal in program.signals:
        shows = rng.random(rows) < 0.2 + 0.4 * busy
        count = 1 + rng.poisson(float(signal.threshold) * 0.7, rows)
        features[f"value_{signal.name}"] = np.where(shows, count, 0.0)
        features[f"age_{signal.name}"] = np.where(shows, rng.integers(0, 12, rows), np.nan)
    frame = pd.DataFrame(columns | features)
    strength = strengths(frame, program)
    names = [signal.name for signal in program.signals]
    odds = base + sum(
        (effect * strength[:, names.index(name)] for name, effect in effects.items()),
        np.zeros(rows),
    )
    if together is not None:
        needed, worth = together
        met = [frame[f"value_{name}"].to_numpy() >= least for name, least in needed.items()]
        odds = odds + worth * np.logical_and.reduce(met)
    converted = rng.random(rows) < 1 / (1 + np.exp(-odds))
    frame.insert(2, "converted", converted)
    frame.insert(3, "lead_days", np.where(converted, rng.uniform(0.5, 29.5, rows), np.nan))
    frame["segment"] = np.where(who % 3 == 0, "mid_market", "smb")
    frame["active_days"] = rng.poisson(6 * busy).astype(float)
    frame["engaged_users"] = 2.0
    frame["negative"] = 0.0
    frame["passes_gates"] = True
    scored = score_examples(frame, program)
    frame["score"], frame["eligible"] = scored.scores, scored.eligible
    bought = frame.groupby("account_id")["converted"].cumsum() - frame["converted"]
    frame = frame[bought == 0].reset_index(drop=True)
    last = FIRST + timedelta(days=step_days * (dates - 1))
    return Examples(
        frame=frame,
        censored=7,
        accounts=int(frame["account_id"].nunique()),
        converters=int(frame.loc[frame["converted"], "account_id"].nunique()),
        data_from=FIRST - timedelta(days=60),
        data_to=last + timedelta(days=program.conversion.horizon_days),
        index_dates=tuple(FIRST + timedelta(days=step_days * number) for number in range(dates)),
    )


@pytest.fixture(scope="session")
def planted(boards: Program) -> Callable[..., Examples]:
    """`plant` for the demo product's program."""

    def make(effects: Mapping[str, float], **given: object) -> Examples:
        return plant(boards, effects, **given)  # type: ignore[arg-type]

    return make
