"""Who gets a lead: whose account it is, whose turn it is, and who stands in."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.team.assignment import Assignment, Known, Load, assign
from pql_platform.team.schema import Team

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AWAY = [{"from": "2026-03-02", "to": "2026-03-06"}]


def team(fallback: str | None = "mia", **people: dict) -> Team:
    """Ann (2) and Bo (1) share a pool behind which Cy stands, and Mia behind everybody."""
    everybody = {
        "ann": {"name": "Ann"},
        "bo": {"name": "Bo"},
        "cy": {"name": "Cy"},
        "mia": {"name": "Mia"},
    }
    for name, changes in people.items():
        everybody[name] = {**everybody[name], **changes}
    return Team.model_validate(
        {
            "people": everybody,
            "queues": {"pool": {"members": {"ann": 2, "bo": 1}, "fallback": "cy"}},
            "fallback": fallback,
        }
    )


def given_out(
    roster: Team, count: int, queue: str = "pool", load: Load | None = None, at: datetime = NOON
) -> list[str]:
    """The owners of so many leads, one a minute."""
    load, owners = load or Load(), []
    for minute in range(count):
        now = at + timedelta(minutes=minute)
        owner = assign(roster, queue, load, now).owner
        load.add(owner, now)
        owners.append(owner)
    return owners


def test_without_a_team_a_lead_keeps_the_name_of_its_route() -> None:
    assert assign(None, "pool", Load(), NOON, Known(crm="ann")).owner == "pool"


def test_a_route_names_a_person_or_a_queue() -> None:
    assert assign(team(), "bo", Load(), NOON) == Assignment("bo", "the route names them")
    assert assign(team(), "pool", Load(), NOON) == Assignment("ann", "next in pool")


def test_a_queue_takes_turns_by_weight() -> None:
    assert given_out(team(), 9) == ["ann", "bo", "ann"] * 3


WEIGHTS = st.lists(st.integers(1, 100), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(WEIGHTS, st.integers(1, 150), st.booleans())
def test_shares_of_a_day_follow_the_weights_within_one_lead_at_every_moment(
    weights, leads, same_moment
) -> None:
    names = [f"p{number}" for number in range(len(weights))]
    members = dict(zip(names, weights, strict=True))
    roster = Team.model_validate(
        {"people": {name: {"name": name} for name in names}, "queues": {"q": {"members": members}}}
    )
    load, got = Load(), Counter()
    for number in range(1, leads + 1):
        now = NOON if same_moment else NOON + timedelta(seconds=number)
        owner = assign(roster, "q", load, now).owner
        load.add(owner, now)
        got[owner] += 1
        for name, weight in members.items():
            assert abs(got[name] - number * weight / sum(weights)) < 1


@given(st.integers(0, 30), st.randoms())
def test_a_restart_changes_no_turn(before, random) -> None:
    load = Load()
    given_out(team(), before, load=load)
    # What the ledger gives back after a restart: the same moments, in any order.
    again = Load()
    moments = [(owner, at) for owner, taken in load.taken.items() for at in taken]
    random.shuffle(moments)
    for owner, at in moments:
        again.add(owner, at)
    later = NOON + HOUR
    assert given_out(team(), 7, load=again, at=later) == given_out(team(), 7, load=load, at=later)


def test_leads_of_yesterday_give_nobody_the_next_ones_but_say_who_waits_longest() -> None:
    equal = Team.model_validate(
        {
            "people": {"ann": {"name": "Ann"}, "bo": {"name": "Bo"}},
            "queues": {"pool": {"members": {"ann": 1, "bo": 1}}},
        }
    )
    load = Load()
    load.add("ann", NOON - timedelta(days=3))
    assert assign(equal, "pool", load, NOON).owner == "bo"
    for hour in range(9):
        load.add("bo", NOON - timedelta(days=1, hours=hour))
    assert given_out(equal, 4, load=load) == ["ann", "bo", "ann", "bo"]


def test_somebody_back_from_a_holiday_is_not_flooded() -> None:
    roster = team(bo={"away": AWAY})
    load = Load()
    friday = datetime(2026, 3, 6, 9, tzinfo=UTC)
    assert set(given_out(roster, 30, load=load, at=friday)) == {"ann"}
    saturday = datetime(2026, 3, 7, 9, tzinfo=UTC)
    owners = given_out(roster, 6, load=load, at=saturday)
    assert owners[0] == "bo", "whoever has waited longest begins"
    assert Counter(owners) == {"ann": 4, "bo": 2}


def test_a_queue_with_one_lead_a_day_does_not_give_it_to_one_person_for_ever() -> None:
    roster, load = team(), Load()
    days = [datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(days=day) for day in range(30)]
    owners = [given_out(roster, 1, load=load, at=day)[0] for day in days]
    assert Counter(owners) == {"ann": 20, "bo": 10}


def test_whose_day_begins_later_is_not_given_all_that_the_others_got_before() -> None:
    roster = team(
        ann={"calendar": {"zone": "Europe/Berlin"}}, bo={"calendar": {"zone": "Asia/Tokyo"}}
    )
    load = Load()
    given_out(roster, 30, load=load, at=NOON)
    midnight_in_tokyo = datetime(2026, 3, 4, 15, tzinfo=UTC)
    assert Counter(given_out(roster, 6, load=load, at=midnight_in_tokyo)) == {"ann": 4, "bo": 2}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"away": AWAY}, "Ann is away until 06 Mar"),
        ({"left": "2026-03-04"}, "Ann left"),
    ],
)
def test_who_is_away_or_gone_is_passed_over(change, why) -> None:
    roster = team(ann=change)
    assert given_out(roster, 3) == ["bo"] * 3
    assert assign(roster, "ann", Load(), NOON) == Assignment("mia", f"stands in for ann; {why}")


@pytest.mark.parametrize(
    ("now", "owner"),
    [
        # Her time off begins at midnight in Tokyo, which is 15:00 UTC of the day before.
        (datetime(2026, 3, 1, 14, 59, tzinfo=UTC), "ann"),
        (datetime(2026, 3, 1, 15, tzinfo=UTC), "mia"),
        (datetime(2026, 3, 6, 14, 59, tzinfo=UTC), "mia"),
        (datetime(2026, 3, 6, 15, tzinfo=UTC), "ann"),
    ],
)
def test_time_off_is_by_the_date_of_the_person(now, owner) -> None:
    roster = team(ann={"away": AWAY, "calendar": {"zone": "Asia/Tokyo"}})
    assert assign(roster, "ann", Load(), now).owner == owner


def test_who_has_as_much_as_they_can_take_is_passed_over_until_their_midnight() -> None:
    roster = team(ann={"capacity_per_day": 2, "calendar": {"zone": "America/New_York"}})
    load = Load()
    assert Counter(given_out(roster, 8, load=load)) == {"ann": 2, "bo": 6}
    assert assign(roster, "ann", load, NOON + HOUR).reason == (
        "stands in for ann; Ann has 2 leads today"
    )
    midnight = datetime(2026, 3, 5, 5, tzinfo=UTC)
    assert assign(roster, "ann", load, midnight - timedelta(seconds=1)).owner == "mia"
    assert assign(roster, "ann", load, midnight).owner == "ann"


def test_where_nobody_of_a_queue_is_there_its_stand_in_is_asked_then_the_teams() -> None:
    gone = {"left": "2026-01-01"}
    assert assign(team(ann=gone, bo=gone), "pool", Load(), NOON).owner == "cy"
    assert assign(team(ann=gone, bo=gone, cy=gone), "pool", Load(), NOON).owner == "mia"


def test_a_manager_stands_in_where_nobody_else_is_named() -> None:
    roster = team(None, ann={"left": "2026-01-01", "manager": "bo"})
    assert assign(roster, "ann", Load(), NOON).owner == "bo"


def test_where_everybody_is_full_whoever_is_there_gets_one_too_many() -> None:
    full = {"capacity_per_day": 1}
    roster = team(ann=full, bo=full, cy={"away": AWAY}, mia=full)
    assert given_out(roster, 3) == ["ann", "bo", "mia"]
    load = Load()
    for name in ("ann", "bo", "mia"):
        load.add(name, NOON)
    found = assign(roster, "pool", load, NOON)
    assert found.owner in ("ann", "bo", "mia")
    assert "as many leads as they can take" in found.reason
    assert found.nobody is None


def test_where_nobody_is_left_the_lead_keeps_its_route_and_people_are_told() -> None:
    gone = {"left": "2026-01-01"}
    found = assign(team(ann=gone, bo=gone, cy=gone, mia=gone), "pool", Load(), NOON)
    assert found.owner == "pool"
    assert found.nobody == "nobody can take leads of pool: Ann left; Bo left"
    assert assign(team(None), "ghost", Load(), NOON).nobody is not None


def test_whoever_speaks_with_the_account_keeps_it_then_its_owner_in_the_crm() -> None:
    both = Known(conversation="bo", program="docs", crm="cy")
    assert assign(team(), "pool", Load(), NOON, both) == Assignment(
        "bo", "speaks with this account already, for program docs"
    )
    crm = assign(team(), "pool", Load(), NOON, Known(crm="cy"))
    assert crm == Assignment("cy", "owns the account in the CRM")


def test_the_crm_may_know_an_owner_by_address() -> None:
    roster = team(cy={"email": "Cy@sales.example"})
    assert assign(roster, "pool", Load(), NOON, Known(crm="cy@SALES.example")).owner == "cy"


def test_who_owns_an_account_gets_it_even_when_full_but_not_when_gone() -> None:
    load = Load()
    load.add("bo", NOON)
    full = team(bo={"capacity_per_day": 1})
    assert assign(full, "ann", load, NOON, Known(crm="bo")).owner == "bo"
    gone = assign(team(bo={"left": "2026-01-01"}), "ann", Load(), NOON, Known(crm="bo"))
    assert gone == Assignment("ann", "the route names them; Bo left")
    ghost = assign(team(), "ann", Load(), NOON, Known(crm="zoe"))
    assert ghost == Assignment("ann", "the route names them; zoe is not in the team file")


states = st.sampled_from([{}, {"left": "2026-01-01"}, {"away": AWAY}, {"capacity_per_day": 1}])


@given(
    st.fixed_dictionaries(dict.fromkeys(("ann", "bo", "cy", "mia"), states)),
    st.sampled_from(["ann", "bo", "pool", "ghost"]),
    st.lists(st.sampled_from(["ann", "bo", "cy", "mia"]), max_size=6),
    st.sampled_from([None, "ann", "bo", "zoe"]),
)
def test_a_lead_always_has_an_owner_who_is_there_or_somebody_is_told(
    people, routed_to, taken, crm
) -> None:
    roster, load = team(**people), Load()
    for name in taken:
        load.add(name, NOON)
    found = assign(roster, routed_to, load, NOON, Known(crm=crm))
    if found.nobody is None:
        assert roster.people[found.owner].is_here(NOON.date())
    else:
        assert found.owner == routed_to
        asked = {"ann", "bo", "cy", "mia"} if routed_to == "pool" else {routed_to, "mia"}
        here = [name for name in asked if name in roster.people]
        assert not any(roster.people[name].is_here(NOON.date()) for name in here)
    assert found.reason
