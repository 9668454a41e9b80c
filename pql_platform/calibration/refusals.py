"""What nothing can be learned from: too few purchases, one outcome, signals that are the purchase.

A signal that gives the purchase away looks perfect on history and is of no use before the purchase,
so it is refused by name. Which of the other signals count is `points_table`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pql_platform.calibration import ranking
from pql_platform.calibration.examples import Examples
from pql_platform.calibration.outcomes import HOURS_BEFORE
from pql_platform.calibration.scoring import Flags, Floats, strengths
from pql_platform.calibration.splits import FEWEST_CONVERSIONS
from pql_platform.errors import PqlError
from pql_platform.program.schema import Program

MOST_BUYERS = 0.85
MOST_ACCOUNTS = 0.5
"""A signal comes with the purchase when so large a share of the buyers who show it do so only then,
and they are so large a share of all who ever show it: then it is not one more habit of customers.
On planted worlds leaks had over 0.99 and 0.77, honest signals 0.91 at most, and never over 0.41."""

FEWEST_ACCOUNTS = 10
"""Accounts that must show a signal before it is said when they do."""

TOO_GOOD_AUC = 0.995
TOO_SURE = 0.98
"""No behaviour tells buyers apart so well ahead of time; what does so is a consequence."""


def refuse_unusable(examples: Examples, program: Program) -> None:
    """Refuse examples that nothing can be learned from.

    Raises:
        PqlError: There is one outcome only, or there are too few conversions, or a signal gives
            the purchase away; then it is named.
    """
    converted = examples.frame["converted"].to_numpy(np.bool_)
    if not ranking.has_both(converted):
        every = "Every example has" if converted.any() else "No example has"
        raise PqlError(
            f"{every} converted within {program.conversion.horizon_days} days, so there is nothing"
            " to tell apart",
            hint=f"Check that `{program.conversion.event}` is the conversion event",
        )
    if examples.converters < FEWEST_CONVERSIONS:
        raise PqlError(
            f"Only {examples.converters} accounts converted, and {FEWEST_CONVERSIONS} are needed",
            hint="Keep the points as they are until more have converted",
        )
    for name, reason in leaks(examples, program).items():
        raise PqlError(
            f"Signal `{name}` gives the purchase away: {reason}",
            field=f"signals.{name}",
            hint="Take it out of the program: what comes with the purchase predicts nothing",
        )


def leaks(examples: Examples, program: Program) -> Mapping[str, str]:
    """Signals that happen because of the purchase, each with how that shows."""
    strength = strengths(examples.frame, program)
    converted = examples.frame["converted"].to_numpy(np.bool_)
    found = {}
    for number, signal in enumerate(program.signals):
        reason = _only_with_the_purchase(examples, signal.name) or _too_good(
            strength[:, number], converted
        )
        if reason:
            found[signal.name] = reason
    return found


def _only_with_the_purchase(examples: Examples, name: str) -> str | None:
    uses = examples.first_uses.get(name)
    if uses is None or uses.accounts < FEWEST_ACCOUNTS:
        return None
    late = uses.with_the_purchase
    if late < MOST_BUYERS * uses.converters or late < MOST_ACCOUNTS * uses.accounts:
        return None
    return (
        f"{late} of the {uses.converters} buyers that ever showed it did so for the first time less"
        f" than {HOURS_BEFORE} hours before they bought, or later"
    )


def _too_good(strength: Floats, converted: Flags) -> str | None:
    shows = strength > 0
    buyers = int((shows & converted).sum())
    if buyers < FEWEST_ACCOUNTS:
        return None
    if buyers >= TOO_SURE * shows.sum() and converted.mean() < TOO_SURE / 2:
        return f"{buyers} of the {int(shows.sum())} examples that show it converted"
    auc = ranking.roc_auc(strength, converted)
    return f"it alone tells buyers apart with an AUC of {auc:.3f}" if auc > TOO_GOOD_AUC else None
