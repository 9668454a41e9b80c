"""The words in which a rep answers an alert, and what each of them means."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

NOT_A_FIT_REASONS: Final = {
    "student": "Student or private use",
    "competitor": "Competitor or partner",
    "too_small": "Too small",
    "no_need": "No need or no budget",
    "known": "We speak with them already",
    "wrong_data": "The data is wrong",
    "other": "Another reason",
}
"""Why a lead is none, by the word that the ledger keeps; calibration and RevOps read them."""

LONGEST_SNOOZE: Final = timedelta(days=7)
"""From the hand-off on: a mute that does not end is the commonest silent failure."""

SNOOZES: Final = {
    "4h": ("4 hours", timedelta(hours=4)),
    "1d": ("1 day", timedelta(days=1)),
    "3d": ("3 days", timedelta(days=3)),
    "7d": ("7 days", LONGEST_SNOOZE),
}
"""How long a lead may wait, by the word that the ledger keeps."""
