"""The live feed: plausible bursts, the people of the history, and teams that really heat up."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import numpy as np
import orjson
import pytest

from pql_platform.demo.live import SPACING, live_sessions, stamp
from pql_platform.demo.simulator import Chunk, simulate
from pql_platform.errors import PqlError

END = datetime(2026, 3, 1, tzinfo=UTC)
SIZE: dict[str, Any] = {"accounts": 400, "days": 60, "seed": 12, "end": END}
BURSTS = 150
Message = dict[str, Any]
GATES = {"Premium Feature Tried", "Upgrade Prompt Clicked"}
LIMITS = {"Export Limit Reached", "Board Limit Reached"}


@pytest.fixture(scope="module")
def bursts() -> list[list[Message]]:
    return list(islice(live_sessions(**SIZE), BURSTS))


@pytest.fixture(scope="module")
def history() -> list[Chunk]:
    return list(simulate(**SIZE))


def heating(burst: list[Message]) -> bool:
    return any(message.get("event") == "Integration Connected" for message in burst)


def group_of(message: Message) -> str | None:
    group: str | None = message.get("groupId") or message.get("context", {}).get("groupId")
    return group


def read(chunks: list[Chunk]) -> list[Message]:
    messages = []
    for line in b"".join(chunk.lines for chunk in chunks).splitlines():
        try:
            messages.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return [message for message in messages if isinstance(message["timestamp"], str)]


def score(messages: list[Message], now: datetime) -> float:
    """A composite of 100 by the default thresholds of the four categories (requirements 41-49)."""

    def count(names: set[str], days: int) -> int:
        since = (now - timedelta(days=days)).isoformat()
        return sum(m.get("event") in names and m["timestamp"] > since for m in messages)

    fortnight = [m for m in messages if m["timestamp"] > (now - timedelta(days=14)).isoformat()]
    sessions = {(m.get("userId"), m["timestamp"][:13]) for m in fortnight if "userId" in m}
    depth = min(1, count({"Board Created"}, 14) / 3) + min(1, count({"Integration Connected"}, 14))
    adoption = min(1, count(GATES, 14)) + min(1, count(LIMITS, 14))
    shares = count({"Board Shared"}, 30) / 2
    viral = min(1, max(count({"Teammate Invited"}, 30), shares))
    return 17.5 * depth + 25 * min(1, len(sessions) / 4) + 12.5 * adoption + 15 * viral


def test_the_same_seed_brings_the_same_bursts(bursts: list[list[Message]]) -> None:
    assert list(islice(live_sessions(**SIZE), BURSTS)) == bursts


def test_another_seed_brings_other_bursts(bursts: list[list[Message]]) -> None:
    assert list(islice(live_sessions(**{**SIZE, "seed": 5}), 3)) != bursts[:3]


def test_a_burst_is_a_session_of_one_team_or_one_stranger(bursts: list[list[Message]]) -> None:
    for burst in bursts:
        assert 3 <= len(burst) <= 15
        assert len({group_of(m) for m in burst} - {None}) <= 1
        assert all(m.keys() & {"userId", "anonymousId"} for m in burst)


def test_about_one_burst_in_three_heats_a_team_up(bursts: list[list[Message]]) -> None:
    assert 0.22 < sum(map(heating, bursts)) / BURSTS < 0.45


def test_several_people_of_the_team_take_part_in_heating_up(bursts: list[list[Message]]) -> None:
    teams = [group_of(burst[0]) for burst in bursts if heating(burst)]
    assert len(set(teams)) == len(teams), "a team heats up once"
    for burst in filter(heating, bursts):
        assert len({m["userId"] for m in burst}) == 2


def test_known_teams_that_heat_up_are_unpaid_trial_teams_of_the_history(
    bursts: list[list[Message]], history: list[Chunk]
) -> None:
    truth = {one.account: one for chunk in history for one in chunk.truth}
    known = [truth[g] for b in bursts if heating(b) and (g := group_of(b[-1])) in truth]
    assert len(known) > 10
    assert all(one.kind == "trial_team" and not one.converts for one in known)


def test_known_people_keep_their_ids(bursts: list[list[Message]], history: list[Chunk]) -> None:
    groups: dict[str, set[str]] = defaultdict(set)
    for message in read(history):
        if "userId" in message and (group := group_of(message)):
            groups[group].add(message["userId"])
    speakers = [
        (group, burst[0]["userId"])
        for burst in bursts
        if (group := group_of(burst[0])) in groups and "userId" in burst[0]
    ]
    assert len(speakers) > 30
    assert all(user in groups[str(group)] for group, user in speakers)


def test_teams_that_heat_up_cross_into_the_best_scored_eighth(
    bursts: list[list[Message]], history: list[Chunk]
) -> None:
    accounts: dict[str, list[Message]] = defaultdict(list)
    for message in read(history):
        if group := group_of(message):
            accounts[group].append(message)
    now = END + timedelta(minutes=10)
    paying = {one.account for chunk in history for one in chunk.truth if one.converts}
    scores = {g: score(ms, now) for g, ms in accounts.items() if g not in paying}
    threshold = float(np.quantile(list(scores.values()), 0.88))
    crossed = before = 0
    hot = [burst for burst in bursts if heating(burst)]
    for burst in hot:
        group = str(group_of(burst[-1]))
        before += scores.get(group, 0.0) >= threshold
        crossed += score(accounts[group] + stamp(burst, now), now) >= threshold
    assert 40 < threshold < 75
    assert crossed == len(hot)
    assert before < 0.2 * len(hot)


def test_a_brand_new_team_introduces_itself(
    bursts: list[list[Message]], history: list[Chunk]
) -> None:
    known = {one.account for chunk in history for one in chunk.truth}
    new = [b for b in bursts if heating(b) and group_of(b[-1]) not in known]
    assert new
    for burst in new:
        assert [m["type"] for m in burst[:2]] == ["identify", "group"]
        assert burst[1]["traits"]["plan"] == "trial"
        assert burst[1]["traits"]["employees"] >= 20


def test_a_stamped_burst_ends_now_and_goes_in_steps(bursts: list[list[Message]]) -> None:
    now = datetime(2026, 3, 2, 11, 0, 0, 250_000, tzinfo=UTC)
    stamped = stamp(bursts[0], now)
    times = [datetime.fromisoformat(m["timestamp"]) for m in stamped]
    assert times[-1] == now
    assert {b - a for a, b in pairwise(times)} == {SPACING}
    assert all(datetime.fromisoformat(m["receivedAt"]) == now for m in stamped)
    assert "messageId" not in bursts[0][0], "the burst itself is left as it was"


def test_message_ids_repeat_only_with_the_same_burst_at_the_same_time(
    bursts: list[list[Message]],
) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert stamp(bursts[1], now) == stamp(bursts[1], now)
    ids = [
        m["messageId"]
        for step, burst in enumerate(bursts + bursts)
        for m in stamp(burst, now + timedelta(seconds=step))
    ]
    assert len(set(ids)) == len(ids)


def test_a_time_without_zone_is_refused(bursts: list[list[Message]]) -> None:
    with pytest.raises(PqlError, match="time zone"):
        stamp(bursts[0], END.replace(tzinfo=None))


def test_a_tiny_history_still_has_a_live_feed() -> None:
    small = islice(live_sessions(accounts=1, days=1, seed=0, end=END), 40)
    assert all(3 <= len(burst) <= 15 for burst in small)
