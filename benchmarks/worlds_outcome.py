"""What calibration made of one planted world, as figures that can be written down.

How they came about is `worlds_evaluation`; whether they are good enough is `worlds_goals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.worlds_truth import Truth


@dataclass(frozen=True)
class Discovered:
    """What discovery said.

    Attributes:
        aha: The event of the aha moment it proposes; None if it proposes none.
        aha_at_least: How many times.
        verdicts: Event -> verdict, property splits left out.
        behaviours: Events and property splits judged.
        signals: Those of them that are called signals, such as `Data Imported [source=web]`.
    """

    aha: str | None
    aha_at_least: int | None
    verdicts: Mapping[str, str]
    behaviours: int
    signals: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """What the points table is and does.

    Attributes:
        points: Signal -> most points.
        dropped: Signal -> why it has none.
        capture: Share of the converters in the top 15 % of held-out time, by what ranks them: the
            points and the baselines of the backtest, under its names.
        roc_auc: The same for the area under the curve.
        held_out: Converters of held-out time.
    """

    points: Mapping[str, float]
    dropped: Mapping[str, str]
    capture: Mapping[str, float]
    roc_auc: Mapping[str, float]
    held_out: int


@dataclass(frozen=True)
class Outcome:
    """What became of one world; what is None was not asked, or refused.

    Attributes:
        truth: What is true in it.
        messages: Rows that its product sent.
        converters: Accounts that bought within its history.
        discovered: What discovery said.
        fitted: The points table and its backtest.
        over_threshold: Share of the population, at the latest index date, that scores enough.
        qualified: Share of it that qualifies: that passes the gates of the program too.
        after_drift: Signal -> most points when calibrated on the time after the drift.
        refusals: Step -> the message with which the platform refused it.
        seconds: Step -> how long it took.
    """

    truth: Truth
    messages: int
    converters: int
    discovered: Discovered | None = None
    fitted: Fitted | None = None
    over_threshold: float | None = None
    qualified: float | None = None
    after_drift: Mapping[str, float] | None = None
    refusals: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
