"""Who qualifies now, who no longer does, and where the threshold lies.

The pure rules of an episode: entering at the threshold, leaving only a margin below it, and the
cooldown between two episodes of one subject. Tiers and owners belong elsewhere, and so does storing
an episode: callers bring the scores, the episodes known so far and the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

Level = Literal["account", "user"]


@dataclass(frozen=True)
class Subject:
    """An account or a user with its score.

    Attributes:
        level: What it is.
        subject_id: The account's or the user's id.
        account_id: The account it belongs to; None for a user without one.
        score: Finite, in points.
        eligible: False when fit, exclusions or the motion forbid a hand-off, whatever the score.
        reason_not_eligible: Said to people; needed when not eligible.
        carried_by_users: The account qualifies because enough of its users do (item 31).
    """

    level: Level
    subject_id: str
    account_id: str | None
    score: Decimal
    eligible: bool
    reason_not_eligible: str | None = None
    carried_by_users: bool = False

    def __post_init__(self) -> None:
        if not self.score.is_finite():
            raise ValueError(f"the score of {self.level} {self.subject_id} is {self.score}")
        if not self.eligible and not self.reason_not_eligible:
            raise ValueError(f"{self.level} {self.subject_id} is not eligible without a reason")


@dataclass(frozen=True)
class Policy:
    """The hysteresis of one program at one level.

    Attributes:
        enter: Score at which a subject qualifies.
        leave_margin: Points below `enter` that a qualified subject may fall without leaving.
        cooldown: Shortest time from the end of an episode to the next one of the same subject.
    """

    enter: Decimal
    leave_margin: Decimal
    cooldown: timedelta

    def __post_init__(self) -> None:
        if self.enter <= 0:
            raise ValueError("a score of zero must not qualify")
        if self.leave_margin < 0 or self.cooldown < timedelta(0):
            raise ValueError("leave_margin and cooldown must not be negative")


@dataclass(frozen=True)
class Episode:
    """One stay over the threshold, from crossing to leaving; numbered from 1 per subject."""

    id: str
    level: Level
    subject_id: str
    account_id: str | None
    opened_at: datetime
    closed_at: datetime | None
    number: int
    tier: int


@dataclass(frozen=True)
class Entry:
    """A subject that crosses now, with the number of the episode that begins."""

    subject: Subject
    number: int


@dataclass(frozen=True)
class Leave:
    """An episode that ends now, and why."""

    episode: Episode
    reason: str


@dataclass(frozen=True)
class Suppressed:
    """A subject over the threshold that does not enter, and why."""

    subject: Subject
    reason: str


@dataclass(frozen=True)
class Decisions:
    """What changes, in the order of the subjects given."""

    enter: tuple[Entry, ...]
    leave: tuple[Leave, ...]
    suppressed: tuple[Suppressed, ...]


def decide(
    subjects: Iterable[Subject],
    open_episodes: Iterable[Episode],
    closed_episodes: Iterable[Episode],
    policy: Policy,
    now: datetime,
) -> Decisions:
    """Hold scores against episodes.

    A subject that is not given keeps its episode: rescoring covers only the accounts touched.

    Args:
        subjects: Each at most once.
        open_episodes: At most one per subject.
        closed_episodes: At least the last one of each subject.
        policy: The threshold and its hysteresis.
        now: The moment of the decision.

    Raises:
        ValueError: A subject is given twice or has two open episodes.
    """
    running: dict[tuple[str, str], Episode] = {}
    for episode in open_episodes:
        if (episode.level, episode.subject_id) in running:
            raise ValueError(f"{episode.level} {episode.subject_id} has two open episodes")
        running[(episode.level, episode.subject_id)] = episode
    last = _last_by_subject(closed_episodes)
    enter: list[Entry] = []
    leave: list[Leave] = []
    suppressed: list[Suppressed] = []
    seen: set[tuple[str, str]] = set()
    for subject in subjects:
        key = (subject.level, subject.subject_id)
        if key in seen:
            raise ValueError(f"{subject.level} {subject.subject_id} is given twice")
        seen.add(key)
        if key in running:
            ending = _why_it_leaves(subject, policy)
            if ending:
                leave.append(Leave(running[key], ending))
        elif subject.carried_by_users or subject.score >= policy.enter:
            obstacle = _why_it_may_not_enter(subject, last.get(key), policy, now)
            if obstacle:
                suppressed.append(Suppressed(subject, obstacle))
            else:
                enter.append(Entry(subject, last[key].number + 1 if key in last else 1))
    return Decisions(tuple(enter), tuple(leave), tuple(suppressed))


def _last_by_subject(episodes: Iterable[Episode]) -> dict[tuple[str, str], Episode]:
    last: dict[tuple[str, str], Episode] = {}
    for episode in episodes:
        known = last.get((episode.level, episode.subject_id))
        if known is None or episode.number > known.number:
            last[(episode.level, episode.subject_id)] = episode
    return last


def _why_it_leaves(subject: Subject, policy: Policy) -> str | None:
    if not subject.eligible:
        return f"no longer eligible: {subject.reason_not_eligible}"
    floor = policy.enter - policy.leave_margin
    if subject.score < floor and not subject.carried_by_users:
        return f"the score fell to {subject.score}, below {floor}"
    return None


def _why_it_may_not_enter(
    subject: Subject, last: Episode | None, policy: Policy, now: datetime
) -> str | None:
    if not subject.eligible:
        return subject.reason_not_eligible
    if last is None:
        return None
    if last.closed_at is None:
        raise ValueError(f"episode {last.id} is given as closed and has no end")
    rested = last.closed_at + policy.cooldown
    return f"cooldown until {rested.isoformat()}" if now < rested else None


def threshold_for_share(scores: Iterable[Decimal], share: Decimal) -> Decimal:
    """The lowest threshold that qualifies at most `share` of the scores.

    Equal scores qualify together, so ties are resolved upwards: the share is kept rather than
    filled. When the best score alone is held by more than the share, it is the threshold all the
    same, for otherwise nobody could ever qualify.

    Args:
        scores: Of everyone who could qualify, those at zero included.
        share: Above 0 and at most 1, such as 0.12.

    Returns:
        One of the scores, above zero.

    Raises:
        ValueError: No score is above zero, or the share is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share lies above 0 and at most at 1, not at {share}")
    counts = Counter(scores)
    positive = sorted((score for score in counts if score > 0), reverse=True)
    if not positive:
        raise ValueError("no score is above zero, so there is nothing to set a threshold at")
    room = share * counts.total()
    threshold = positive[0]
    above = 0
    for score in positive:
        above += counts[score]
        if above > room:
            break
        threshold = score
    return threshold
