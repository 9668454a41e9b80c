"""What a pilot proves: both groups counted once their horizon is over, and the gate they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from pql_platform.calibration.proportions import lift_of
from pql_platform.handoff.pilot import FEWEST_LEADS, OUTSIDE_SAMPLE, PilotResult, pilot_result
from pql_platform.handoff.suppression import silences
from pql_platform.program.load import load_program
from pql_platform.program.sections import Rollout

PROGRAM = load_program(Path(__file__).parents[2] / "programs" / "boards.yaml").program
HORIZON = timedelta(days=PROGRAM.conversion.horizon_days)
DAY = timedelta(days=1)


@pytest.fixture
def pilot(kit):
    """Leads of both groups, and what a pilot that began at `START` says of them."""
    conversions: dict[str, datetime] = {}

    def told(account: str, bought_after: timedelta | None = None, **changes) -> None:
        kit.cross(account, **changes)
        if bought_after is not None:
            conversions[account] = kit.START + bought_after

    def held_back(account: str, bought_after: timedelta | None = None, **changes) -> None:
        told(account, bought_after, **{"suppressed_because": OUTSIDE_SAMPLE, **changes})

    def result(now: datetime | None = None, since: datetime | None = None) -> PilotResult:
        kit.run()
        return kit.within(
            lambda conn: pilot_result(
                conn, PROGRAM, conversions, since or kit.START, now or kit.START + HORIZON
            )
        )

    return SimpleNamespace(told=told, held_back=held_back, result=result)


def fill(pilot, told: int, told_bought: int, held: int, held_bought: int) -> None:
    for number in range(told):
        pilot.told(f"t{number}", DAY if number < told_bought else None)
    for number in range(held):
        pilot.held_back(f"h{number}", DAY if number < held_bought else None)


def test_both_groups_are_counted_and_compared(pilot) -> None:
    fill(pilot, 12, 6, 15, 3)
    found = pilot.result()
    assert (found.handed_over, found.handed_over_bought) == (12, 6)
    assert (found.held_back, found.held_back_bought) == (15, 3)
    assert found.open == 0
    expected = lift_of(6, 12, 3, 15)
    assert found.lift == (expected.ratio, expected.low, expected.high)
    assert found.lift[0] == pytest.approx(2.5)
    assert found.obstacle is None


def test_a_lead_counts_once_its_horizon_is_over_and_not_before_though_it_bought(pilot, kit) -> None:
    fill(pilot, 12, 6, 12, 3)
    end = kit.START + HORIZON
    early = pilot.result(end - timedelta(microseconds=1))
    assert (early.handed_over, early.held_back, early.open) == (0, 0, 24)
    assert early.lift is None
    assert pilot.result(end).open == 0


@pytest.mark.parametrize(
    ("bought_after", "counts"),
    [
        (timedelta(0), 1),
        (HORIZON, 1),
        (HORIZON + timedelta(microseconds=1), 0),
        (-timedelta(microseconds=1), 0),
    ],
)
def test_who_bought_outside_the_horizon_did_not_buy_by_it(pilot, kit, bought_after, counts) -> None:
    pilot.told("acme", bought_after)
    pilot.held_back("zen", bought_after)
    found = pilot.result(kit.START + 3 * HORIZON)
    assert (found.handed_over, found.handed_over_bought) == (1, counts)
    assert (found.held_back, found.held_back_bought) == (1, counts)


def test_only_leads_of_this_pilot_and_program_count(pilot, kit, clock) -> None:
    pilot.told("acme")
    pilot.told("elsewhere", program="docs")
    pilot.held_back("shadow", suppressed_because="the program is in its shadow stage")
    pilot.told("nobody", account_id=None, level="user")
    pilot.held_back("nobody2", account_id=None, level="user")
    found = pilot.result()
    assert (found.handed_over, found.held_back, found.open) == (1, 0, 0)
    later = pilot.result(since=kit.START + timedelta(seconds=1))
    assert (later.handed_over, later.held_back, later.open) == (0, 0, 0)


def test_an_account_and_its_users_are_one_lead(pilot) -> None:
    pilot.told("acme", DAY)
    pilot.told("ana@acme", level="user", account_id="acme")
    pilot.told("bo@acme", level="user", account_id="acme")
    found = pilot.result()
    assert (found.handed_over, found.handed_over_bought) == (1, 1)


def test_a_lead_that_nobody_has_heard_of_yet_was_not_handed_over(pilot, kit) -> None:
    pilot.told("acme", kinds=("alert", "elsewhere_task"))
    pilot.told("waits")
    found = kit.within(lambda conn: pilot_result(conn, PROGRAM, {}, kit.START, kit.START + HORIZON))
    assert found.handed_over == 0


@pytest.mark.parametrize(
    ("groups", "obstacle"),
    [
        ((10, 2, 10, 1), None),
        ((10, 2, 10, 2), None),
        ((10, 1, 10, 2), "bought 0.50 times as often"),
        ((10, 0, 10, 3), "bought 0.00 times as often"),
        ((10, 0, 10, 0), None),
        ((10, 3, 10, 0), None),
        ((9, 9, 200, 0), "9 leads handed over and 200 held back"),
        ((200, 100, 9, 0), f"{FEWEST_LEADS} of each are needed"),
        ((0, 0, 0, 0), "0 are still open"),
    ],
)
def test_the_gate_is_enough_leads_and_no_worse_sales(groups, obstacle) -> None:
    told, told_bought, held, held_bought = groups
    lift = None
    if min(told, held) >= FEWEST_LEADS:
        limits = lift_of(told_bought, told, held_bought, held)
        lift = (float(limits.ratio), float(limits.low), float(limits.high))
    found = PilotResult(told, told_bought, held, held_bought, 0, lift).obstacle
    assert (found is None) if obstacle is None else (obstacle in (found or ""))


def silenced(accounts: list[str], rollout: Rollout) -> dict[str, str]:
    """The accounts of whose crossing nobody is told, with the reason."""
    entries = [
        SimpleNamespace(subject=SimpleNamespace(level="account", subject_id=a, account_id=a))
        for a in accounts
    ]
    found = silences(
        None,  # type: ignore[arg-type]
        PROGRAM,
        entries,  # type: ignore[arg-type]
        (),
        {},
        rollout,
        as_of=datetime(2026, 3, 2, tzinfo=UTC),
        backfill=False,
        switch=None,
    )
    return {subject: silence.reason for (_, subject), silence in found.items()}


def test_the_sample_is_a_fixed_part_of_the_accounts_whatever_the_pass() -> None:
    accounts = [f"ws_{number}" for number in range(2000)]

    def outside(sample: str) -> set[str]:
        found = silenced(accounts, Rollout(stage="pilot", sample=Decimal(sample)))
        assert set(found.values()) <= {OUTSIDE_SAMPLE}
        return set(found)

    fifth, half = outside("0.2"), outside("0.5")
    # Three standard deviations of a fair draw.
    assert abs(len(fifth) - 1600) < 54
    assert abs(len(half) - 1000) < 68
    assert half < fifth, "who is in a smaller sample is in a larger one"
    assert outside("0.2") == fifth
    assert outside("1") == set()


def test_live_tells_of_everybody_and_the_shadow_stage_of_nobody() -> None:
    accounts = ["a", "b"]
    assert silenced(accounts, Rollout(stage="live", sample=Decimal("0.000001"))) == {}
    assert silenced(accounts, Rollout()) == dict.fromkeys(
        accounts, "the program is in its shadow stage"
    )
