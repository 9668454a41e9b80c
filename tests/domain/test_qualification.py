"""Entering, leaving, cooling down, and where the threshold lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain.qualification import (
    Episode,
    Policy,
    Subject,
    decide,
    threshold_for_share,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
POLICY = Policy(enter=Decimal(60), leave_margin=Decimal(5), cooldown=14 * DAY)


def _subject(score: float | str, subject_id: str = "acme", **changes) -> Subject:
    values = {
        "level": "account",
        "subject_id": subject_id,
        "account_id": subject_id,
        "score": Decimal(str(score)),
        "eligible": True,
    }
    return Subject(**{**values, **changes})


def _episode(number: int = 1, closed_at: datetime | None = None, **changes) -> Episode:
    values = {
        "id": f"e{number}",
        "level": "account",
        "subject_id": "acme",
        "account_id": "acme",
        "opened_at": NOW - 30 * DAY,
        "closed_at": closed_at,
        "number": number,
        "tier": 2,
    }
    return Episode(**{**values, **changes})


def test_a_subject_enters_at_the_threshold_and_not_a_quarter_point_below() -> None:
    subjects = [_subject("60"), _subject("59.75", "beta")]
    decisions = decide(subjects, [], [], POLICY, NOW)
    assert [(entry.subject.subject_id, entry.number) for entry in decisions.enter] == [("acme", 1)]
    assert (decisions.leave, decisions.suppressed) == ((), ())


@pytest.mark.parametrize(("score", "leaves"), [("60", 0), ("55", 0), ("54.75", 1), ("0", 1)])
def test_an_episode_survives_within_the_margin(score: str, leaves: int) -> None:
    decisions = decide([_subject(score)], [_episode()], [], POLICY, NOW)
    assert (len(decisions.leave), decisions.enter) == (leaves, ())
    if leaves:
        assert decisions.leave[0].reason == f"the score fell to {score}, below 55"


def test_a_subject_that_may_not_be_handed_over_leaves_whatever_its_score() -> None:
    converted = _subject(90, eligible=False, reason_not_eligible="converted")
    (leave,) = decide([converted], [_episode()], [], POLICY, NOW).leave
    assert (leave.episode.id, leave.reason) == ("e1", "no longer eligible: converted")


def test_a_subject_over_the_threshold_that_may_not_enter_is_recorded_with_the_reason() -> None:
    student = _subject(90, eligible=False, reason_not_eligible="student")
    (suppressed,) = decide([student], [], [], POLICY, NOW).suppressed
    assert (suppressed.subject, suppressed.reason) == (student, "student")
    assert decide([_subject(10, eligible=False, reason_not_eligible="x")], [], [], POLICY, NOW) == (
        decide([], [], [], POLICY, NOW)
    )


@pytest.mark.parametrize(("days", "enters"), [(13.99, False), (14, True), (400, True)])
def test_a_subject_returns_after_the_cooldown_with_the_next_number(
    days: float, enters: bool
) -> None:
    closed = [_episode(2, NOW - days * DAY), _episode(1, NOW - 500 * DAY)]
    decisions = decide([_subject(80)], [], closed, POLICY, NOW)
    assert [entry.number for entry in decisions.enter] == ([3] if enters else [])
    assert bool(decisions.suppressed) != enters
    if not enters:
        assert decisions.suppressed[0].reason.startswith("cooldown until 2026-03-02T09:1")


def test_a_subject_that_was_not_rescored_keeps_its_episode() -> None:
    assert decide([], [_episode()], [], POLICY, NOW).leave == ()


def test_an_account_and_a_user_of_the_same_id_are_two_subjects() -> None:
    user = _subject(80, level="user")
    decisions = decide([user, _subject(80)], [_episode()], [], POLICY, NOW)
    assert [entry.subject for entry in decisions.enter] == [user]


def test_an_account_carried_by_its_users_enters_and_stays_below_its_own_threshold() -> None:
    carried = _subject(20, carried_by_users=True)
    assert len(decide([carried], [], [], POLICY, NOW).enter) == 1
    assert decide([carried], [_episode()], [], POLICY, NOW).leave == ()


def test_contradictory_input_is_refused() -> None:
    with pytest.raises(ValueError, match="account acme is given twice"):
        decide([_subject(1), _subject(2)], [], [], POLICY, NOW)
    with pytest.raises(ValueError, match="account acme has two open episodes"):
        decide([], [_episode(1), _episode(2)], [], POLICY, NOW)
    with pytest.raises(ValueError, match="given as closed and has no end"):
        decide([_subject(80)], [], [_episode()], POLICY, NOW)
    with pytest.raises(ValueError, match="not eligible without a reason"):
        _subject(80, eligible=False)
    with pytest.raises(ValueError, match="zero must not qualify"):
        Policy(Decimal(0), Decimal(5), DAY)
    with pytest.raises(ValueError, match="must not be negative"):
        Policy(Decimal(60), Decimal(-1), DAY)


@pytest.mark.parametrize("score", ["NaN", "Infinity"])
def test_a_score_that_is_no_number_never_counts_as_a_low_one(score: str) -> None:
    with pytest.raises(ValueError, match="the score of account acme is"):
        _subject(score)


SCORES = st.one_of(
    st.integers(0, 400).map(lambda quarters: Decimal(quarters) / 4),
    st.sampled_from([Decimal("59.75"), Decimal(60), Decimal(55), Decimal("54.75")]),
)
STEPS = st.tuples(SCORES, st.booleans(), st.integers(1, 30 * 24))


@given(st.lists(STEPS, max_size=60), st.integers(0, 20))
def test_over_any_path_a_subject_is_alerted_once_per_episode_and_rests_in_between(
    path: list[tuple[Decimal, bool, int]], cooldown_days: int
) -> None:
    policy = Policy(Decimal(60), Decimal(5), cooldown_days * DAY)
    now, running, closed, entries = NOW, [], [], []
    for score, eligible, hours in path:
        now += hours * HOUR
        subject = _subject(score, eligible=eligible, reason_not_eligible="not now")
        decisions = decide([subject], running, closed, policy, now)
        assert len(decisions.enter) + len(decisions.leave) + len(decisions.suppressed) <= 1
        for leave in decisions.leave:
            assert not eligible or score < 55
            running.remove(leave.episode)
            closed.append(_episode(leave.episode.number, now, opened_at=leave.episode.opened_at))
        for entry in decisions.enter:
            assert eligible and score >= 60
            entries.append(now)
            running.append(_episode(entry.number, opened_at=now))
        assert len(running) <= 1
        # The score decides at every step: over and free to enter means an episode runs.
        assert running or not eligible or score < 60 or decisions.suppressed
    numbers = [episode.number for episode in closed + running]
    assert numbers == list(range(1, len(entries) + 1))
    rests = [later - before for before, later in pairwise(entries)]
    assert all(rest >= policy.cooldown for rest in rests)


@pytest.mark.parametrize(
    ("scores", "share", "threshold"),
    [
        (range(1, 101), "0.12", "89"),
        (range(1, 101), "1", "1"),
        ([0] * 88 + [50] * 12, "0.12", "50"),
        ([0] * 87 + [50] * 13, "0.12", "50"),
        ([0] * 80 + [40] * 10 + [60] * 10, "0.12", "60"),
        ([0] * 99 + [3], "0.5", "3"),
        ([7], "0.12", "7"),
    ],
)
def test_the_threshold_keeps_the_share(scores, share: str, threshold: str) -> None:
    values = [Decimal(score) for score in scores]
    assert threshold_for_share(values, Decimal(share)) == Decimal(threshold)


@pytest.mark.parametrize("scores", [[], [Decimal(0), Decimal(0)]])
def test_without_a_positive_score_there_is_no_threshold(scores: list[Decimal]) -> None:
    with pytest.raises(ValueError, match="no score is above zero"):
        threshold_for_share(scores, Decimal("0.12"))


@pytest.mark.parametrize("share", ["0", "-0.1", "1.01"])
def test_a_share_out_of_range_is_refused(share: str) -> None:
    with pytest.raises(ValueError, match="a share lies above 0"):
        threshold_for_share([Decimal(1)], Decimal(share))


@given(
    st.lists(st.integers(0, 40).map(lambda q: Decimal(q) / 4), min_size=1),
    st.decimals("0.01", "1", places=2),
)
def test_no_lower_score_would_keep_the_share(scores: list[Decimal], share: Decimal) -> None:
    positive = sorted({score for score in scores if score > 0})
    if not positive:
        return
    room = share * len(scores)
    fitting = [t for t in positive if sum(score >= t for score in scores) <= room]
    assert threshold_for_share(scores, share) == min(fitting, default=positive[-1])
