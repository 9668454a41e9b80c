"""Leads that a sequence looks after, and that have come to need a person.

A nurtured lead has neither alert nor owner. When it rises to a tier that asks for a contact its
episode ends and the next begins at once, cooldown or not, and is handed over like any crossing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pandas as pd

from pql_platform.domain.qualification import (
    Decisions,
    Entry,
    Episode,
    Leave,
    Level,
    Subject,
)
from pql_platform.domain.tiering import TierRule

ROSE: Final = "rose out of nurture"
"""What the reason begins with for which such an episode ends."""


def out_of_nurture(
    decisions: Decisions,
    level: Level,
    running: Iterable[Episode],
    nurtured: Collection[str],
    rows: pd.DataFrame,
    rules: Mapping[int, TierRule],
) -> Decisions:
    """Add to what was decided the nurtured leads whose tier asks for a contact now.

    Args:
        decisions: Who enters and leaves by the threshold.
        level: Of which level.
        running: The episodes that run.
        nurtured: Ids of those that nobody is asked to call.
        rows: pql.tiers by level and subject id.
        rules: The tiers of the program.
    """
    leaving = {leave.episode.id for leave in decisions.leave}
    rising = [
        (episode, tier)
        for episode in running
        if episode.level == level and episode.id in nurtured and episode.id not in leaving
        for tier in _tier_now(episode, rows, rules)
        if tier.contact_within is not None
    ]
    return replace(
        decisions,
        leave=(
            *decisions.leave,
            *(Leave(episode, f"{ROSE} to tier {tier.tier}") for episode, tier in rising),
        ),
        enter=(
            *decisions.enter,
            *(Entry(_subject(episode, rows), episode.number + 1) for episode, _ in rising),
        ),
    )


def _tier_now(
    episode: Episode, rows: pd.DataFrame, rules: Mapping[int, TierRule]
) -> Iterator[TierRule]:
    """The tier of a subject that still qualifies; nothing for any other."""
    key = (episode.level, episode.subject_id)
    if key in rows.index and rows.at[key, "qualified"]:
        yield rules[int(rows.at[key, "tier"])]


def _subject(episode: Episode, rows: pd.DataFrame) -> Subject:
    row = rows.loc[(episode.level, episode.subject_id)]
    return Subject(
        level=episode.level,
        subject_id=episode.subject_id,
        account_id=row["account_id"],
        score=Decimal(row["score"]),
        eligible=True,
    )
