"""What becomes of leads after their alert: they buy, cool down, rise, or go up in another one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import pytest
from sqlalchemy import Engine

from pql_platform.domain.qualification import Leave
from pql_platform.domain.tiering import TierRule
from pql_platform.handoff.endings import adopt_merged, end_episodes, raise_tiers
from pql_platform.handoff.urging import urge
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.episodes import last_closed, last_episode, open_episodes
from pql_platform.ledger.handoffs import record_contact

RULES = {
    1: TierRule(1, Decimal(80), None, timedelta(hours=2), "manager"),
    2: TierRule(2, Decimal(65), None, timedelta(hours=24)),
    3: TierRule(3, nurture="tips"),
}
BOUGHT = "no longer eligible: already pays"
FELL = "the score fell to 40, below 57.5"


@pytest.fixture
def leave(engine: Engine, kit: Any, clock: Any, team: Any) -> Any:
    """Ends every running episode for a reason."""

    def leave(reason: str, tell: bool = True) -> int:
        def work(conn: Any) -> int:
            leaves = [Leave(one, reason) for one in open_episodes(conn, "boards")]
            return end_episodes(conn, leaves, team, clock(), tell=tell)

        return int(kit.within(work))

    return leave


def tiers(*rows: tuple[str, str, float, int]) -> pd.DataFrame:
    """pql.tiers of subjects: level, id, score, tier."""
    frame = pd.DataFrame(
        [
            {
                "level": level,
                "subject_id": subject,
                "account_id": subject,
                "score": score,
                "tier": tier,
                "qualified": True,
            }
            for level, subject, score, tier in rows
        ],
        columns=["level", "subject_id", "account_id", "score", "tier", "qualified"],
    )
    return frame.set_index(["level", "subject_id"], drop=False)


@pytest.mark.parametrize(
    ("reason", "outcome", "says"),
    [
        (BOUGHT, "converted", "They bought"),
        (FELL, "expired", "Not a lead any more: the score fell to 40, below 57.5"),
    ],
)
def test_who_was_told_of_a_lead_is_told_of_its_end(
    engine: Engine, kit, clock, slack, crm, leave, reason, outcome, says
) -> None:
    id_ = kit.cross()
    kit.run()
    clock.advance(days=3)
    assert leave(reason) == 1
    assert leave(reason) == 0
    kit.run()
    assert slack.kinds == ["alert", "outcome", "alert_edit"]
    assert slack.taken[1].payload["why"] == slack.taken[2].payload["status"] == says
    assert slack.taken[2].payload["closed"] is True
    assert crm.kinds == ["crm_task", "crm_task_close"]
    assert crm.taken[1].payload["closed_because"] == says
    found = kit.handoff(id_)
    assert (found.state, found.outcome, found.closed_at) == ("DELIVERED", outcome, clock())
    with reading(engine) as conn:
        assert conservation(conn, "boards").holds


def test_a_conversation_that_has_begun_is_the_reps_to_end(kit, clock, slack, crm, leave) -> None:
    id_ = kit.cross()
    kit.run()
    kit.within(lambda conn: record_contact(conn, id_, clock(), "ana"))
    leave(FELL)
    kit.run()
    assert crm.kinds == ["crm_task"]
    assert "outcome" in slack.kinds


def test_a_purchase_closes_the_task_of_a_conversation_too(kit, clock, crm, leave) -> None:
    id_ = kit.cross()
    kit.run()
    kit.within(lambda conn: record_contact(conn, id_, clock(), "ana"))
    leave(BOUGHT)
    kit.run()
    assert crm.kinds == ["crm_task", "crm_task_close"]


def test_nothing_is_said_of_the_end_where_nobody_heard_of_the_beginning(
    engine: Engine, kit, slack, crm, leave
) -> None:
    id_ = kit.cross()
    leave(FELL)
    assert kit.run().delivered == 0
    assert kit.handoff(id_).state == "WITHDRAWN"
    assert slack.taken == crm.taken == []
    with reading(engine) as conn:
        assert conservation(conn, "boards").holds


def test_a_task_that_was_made_before_its_alert_went_out_is_withdrawn(
    engine: Engine, kit, slack, crm, leave
) -> None:
    id_ = kit.cross()
    kit.run(crm=crm)
    leave(FELL)
    kit.run()
    assert crm.kinds == ["crm_task", "crm_task_close"]
    assert slack.taken == []
    assert kit.handoff(id_).state == "WITHDRAWN"
    with reading(engine) as conn:
        assert conservation(conn, "boards").holds


def test_a_backfill_tells_nobody_of_an_end(kit, slack, crm, leave) -> None:
    kit.cross()
    kit.run()
    assert leave(FELL, tell=False) == 1
    kit.run()
    assert (slack.kinds, crm.kinds) == (["alert"], ["crm_task"])


def test_a_lead_that_rises_is_said_once_per_tier_and_due_sooner(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    id_ = kit.cross(
        tier=2, story={"contact_within_minutes": 1440}, due_at=kit.START + timedelta(hours=24)
    )
    kit.run()
    clock.advance(hours=3)
    rows = tiers(("account", "acme", 91.5, 1))

    def rise() -> int:
        return int(
            kit.within(
                lambda conn: raise_tiers(
                    conn, open_episodes(conn, "boards"), rows, RULES, team, clock()
                )
            )
        )

    assert rise() == 1
    assert rise() == 0
    found = kit.handoff(id_)
    assert (found.tier, found.due_at) == (1, clock() + timedelta(hours=2))
    assert found.remind_at == clock() + timedelta(hours=1)
    kit.run()
    assert slack.kinds == ["alert", "rise"]
    told = slack.taken[1].payload
    assert (told["before"], told["story"]["tier"], told["story"]["score"]) == (2, 1, "91.5")
    # The alert's own score stays that of its crossing.
    assert found.story["score"] == "84"
    clock.advance(hours=2)
    assert urge(engine, team, crm, clock())["escalation"] == 1


def test_a_lead_that_falls_a_tier_or_stays_is_not_news(kit, clock, slack, team) -> None:
    kit.cross(tier=1)
    kit.run()
    for tier in (1, 2, 3):
        rows = tiers(("account", "acme", 70, tier))
        assert (
            kit.within(
                lambda conn, rows=rows: raise_tiers(
                    conn, open_episodes(conn, "boards"), rows, RULES, team, clock()
                )
            )
            == 0
        )


@pytest.fixture
def people() -> Any:
    """A warehouse that knows where people are now: user -> (merged into, account)."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA staging")
    connection.execute("CREATE TABLE staging.merged_users (user_id TEXT, merged_into TEXT)")
    connection.execute("CREATE TABLE staging.users (user_id TEXT, account_id TEXT)")

    def write(merged: dict[str, str], accounts: dict[str, str]) -> duckdb.DuckDBPyConnection:
        for pair in merged.items():
            connection.execute("INSERT INTO staging.merged_users VALUES (?, ?)", pair)
        for pair in accounts.items():
            connection.execute("INSERT INTO staging.users VALUES (?, ?)", pair)
        return connection

    yield write
    connection.close()


def adopt(kit: Any, warehouse: Any, rows: pd.DataFrame) -> dict[str, str]:
    return dict(
        kit.within(
            lambda conn: adopt_merged(
                conn, warehouse, open_episodes(conn, "boards"), rows, kit.START
            )
        )
    )


def test_a_lead_whose_account_went_up_in_another_goes_on_under_its_name(
    engine: Engine, kit, people, slack
) -> None:
    id_ = kit.cross("acme")
    kit.run()
    # The contact of the story, who is of the larger account now.
    warehouse = people({}, {"u_77120": "acme_group"})
    rows = tiers(("account", "acme_group", 90, 1))
    assert adopt(kit, warehouse, rows) == {id_: "acme_group"}
    found = kit.handoff(id_)
    assert (found.subject_id, found.account_id, found.closed_at) == (
        "acme_group",
        "acme_group",
        None,
    )
    # A second pass finds nothing to do.
    assert adopt(kit, warehouse, rows) == {}
    assert slack.kinds == ["alert"]


def test_after_a_merge_is_undone_the_subject_crosses_anew_and_not_under_a_known_id(
    engine: Engine, kit, people
) -> None:
    first = kit.cross("acme")
    kit.run()
    adopt(kit, people({}, {"u_77120": "acme_group"}), tiers(("account", "acme_group", 90, 1)))
    with reading(engine) as conn:
        [ended] = [one for one in last_closed(conn, "boards") if one.subject_id == "acme"]
        assert last_episode(conn, "boards", "account", "acme") == 1
    assert (ended.number, ended.closed_at) == (1, kit.START)
    again = kit.cross("acme", episode=ended.number + 1)
    assert again != first
    assert kit.handoff(again).subject_id == "acme"
    assert kit.handoff(first).subject_id == "acme_group"


def test_where_both_were_handed_over_the_survivors_own_goes_on(kit, people) -> None:
    gone, stays = kit.cross("acme"), kit.cross("acme_group")
    kit.run()
    warehouse = people({}, {"u_77120": "acme_group"})
    assert adopt(kit, warehouse, tiers(("account", "acme_group", 90, 1))) == {gone: "acme_group"}
    assert kit.handoff(gone).subject_id == "acme"
    assert kit.handoff(stays).subject_id == "acme_group"


def test_a_merged_lead_gets_the_next_episode_of_its_survivor(kit, people, leave) -> None:
    first = kit.cross("acme_group")
    kit.run()
    leave(FELL)
    second = kit.cross("acme")
    kit.run()
    adopt(kit, people({}, {"u_77120": "acme_group"}), tiers(("account", "acme_group", 90, 1)))
    assert kit.handoff(second).episode == kit.handoff(first).episode + 1 == 2


def test_a_merged_user_is_followed_by_their_aliases(kit, people) -> None:
    id_ = kit.cross("u_1", level="user", story={"level": "user"})
    kit.run()
    warehouse = people({"u_1": "u_2"}, {"u_2": "acme"})
    assert adopt(kit, warehouse, tiers(("user", "u_2", 80, 1))) == {id_: "u_2"}
    assert kit.handoff(id_).subject_id == "u_2"


def test_an_account_that_is_simply_gone_is_no_merge(kit, people) -> None:
    id_ = kit.cross("acme")
    kit.run()
    assert adopt(kit, people({}, {}), tiers()) == {}
    # Its contact is still of it, though nothing is scored.
    assert adopt(kit, people({}, {"u_77120": "acme"}), tiers()) == {}
    assert kit.handoff(id_).subject_id == "acme"
