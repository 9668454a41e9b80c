"""Small simulated products with a planted truth each, and what discovery says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from pql_platform.calibration.discovery import Discovery, Finding, discover
from pql_platform.errors import PqlError
from pql_platform.program.load import load_program
from pql_platform.program.schema import Program

REPOSITORY = Path(__file__).parents[2]
AS_OF = datetime(2026, 10, 1, tzinfo=UTC)
START = np.datetime64("2026-01-01", "ms")
DAY = 86_400_000
NEVER = np.datetime64("NaT", "ms")


@dataclass
class World:
    """Accounts that sign up over eight months, use the product for a while, and may convert.

    Attributes:
        rng: Draws everything.
        size: How many accounts.
        signup_at, converted_at: UTC, converted_at NaT where it never happens.
        active_days: How long each uses the product.
        segment: Of each account.
    """

    rng: np.random.Generator
    size: int
    signup_at: np.ndarray = field(init=False)
    converted_at: np.ndarray = field(init=False)
    active_days: np.ndarray = field(init=False)
    segment: np.ndarray = field(init=False)
    events: list[pd.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        days = self.rng.uniform(0, 220, self.size)
        self.signup_at = START + (days * DAY).astype("timedelta64[ms]")
        self.converted_at = np.full(self.size, NEVER)
        self.active_days = self.rng.exponential(30, self.size) + 3
        self.segment = np.full(self.size, "smb", dtype=object)
        self.note("Signed Up", np.arange(self.size), np.zeros(self.size))

    def convert(self, chance: np.ndarray | float, after_days: tuple[float, float]) -> None:
        """Have accounts convert with some chance, so many days after their sign-up."""
        converts = self.rng.random(self.size) < chance
        days = self.rng.uniform(*after_days, self.size)
        at = self.signup_at + (days * DAY).astype("timedelta64[ms]")
        self.converted_at = np.where(converts, at, NEVER)
        self.active_days = np.where(converts, np.maximum(self.active_days, 150), self.active_days)
        who = np.flatnonzero(converts)
        self.note("Subscribed", who, days[who])

    @property
    def converts(self) -> np.ndarray:
        return ~np.isnat(self.converted_at)

    def note(self, event: str, who: np.ndarray, days: np.ndarray, properties: Any = None) -> None:
        """Note an event of each of `who`, so many days after its sign-up."""
        at = self.signup_at[who] + (days * DAY).astype("timedelta64[ms]")
        frame = {"account": who, "event": event, "occurred_at": at, "properties": properties}
        self.events.append(pd.DataFrame(frame))

    def note_some(self, event: str, chance: np.ndarray | float, within_days: float) -> np.ndarray:
        """Let accounts do something once with some chance; return who did."""
        does = self.rng.random(self.size) < chance
        who = np.flatnonzero(does)
        self.note(event, who, self.rng.uniform(0.1, within_days, len(who)))
        return does

    def note_use(self, event: str, per_day: np.ndarray | float) -> None:
        """Let accounts do something again and again while they use the product."""
        times = self.rng.poisson(np.broadcast_to(per_day, self.size) * self.active_days)
        who = np.repeat(np.arange(self.size), times)
        self.note(event, who, self.rng.random(len(who)) * self.active_days[who])

    def open(self, order: int = 1) -> duckdb.DuckDBPyConnection:
        """The tables that discovery reads, in an in-memory database."""
        ids = np.array([f"account-{number}" for number in range(self.size)])
        events = pd.concat(self.events)[::order].reset_index(drop=True)
        events = events[events["occurred_at"] < AS_OF.replace(tzinfo=None)]
        converted_at = np.where(
            self.converted_at < np.datetime64(AS_OF.replace(tzinfo=None)), self.converted_at, NEVER
        )
        tables = {
            "raw.events": pd.DataFrame(
                {
                    "type": "track",
                    "event": events["event"],
                    "link_id": events["account"].astype("int64"),
                    "occurred_at": events["occurred_at"],
                    "received_at": events["occurred_at"],
                    "properties": events["properties"].astype("string"),
                }
            ),
            "staging.owners": pd.DataFrame({"link_id": np.arange(self.size), "account_id": ids}),
            "staging.account_traits": pd.DataFrame(
                {
                    "account_id": ids,
                    "trait": "plan",
                    "value": "trial",
                    "valid_from": self.signup_at,
                }
            ),
            "features.subjects": pd.DataFrame(
                {
                    "program": "boards",
                    "level": "account",
                    "subject_id": ids,
                    "first_seen_at": self.signup_at,
                    "converted_at": converted_at,
                    "segment": self.segment,
                    "excluded_as": pd.Series([None] * self.size, dtype="string"),
                }
            )[::order].reset_index(drop=True),
        }
        connection = duckdb.connect()
        for schema in ("raw", "staging", "features"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for name, frame in tables.items():
            connection.register("frame", frame)
            connection.execute(f"CREATE TABLE {name} AS FROM frame")
            connection.unregister("frame")
        return connection


@pytest.fixture(scope="module")
def program() -> Program:
    """The program of the demo product, with the worlds' conversion event."""
    boards = load_program(REPOSITORY / "programs" / "boards.yaml").program
    conversion = boards.conversion.model_copy(update={"event": "Subscribed"})
    return boards.model_copy(update={"conversion": conversion})


def ordinary_world(seed: int, size: int = 1500) -> World:
    """Accounts that differ in how much they use the product, and in nothing else yet."""
    made = World(np.random.default_rng(seed), size)
    use = made.rng.lognormal(0, 0.5, size)
    made.note_use("Page Opened", 0.6 * use)
    made.note_use("Comment Added", 0.3 * use)
    for number in range(6):
        made.note_some(f"Feature {number} Tried", 0.15 + 0.08 * number, within_days=14)
    return made


def finding(found: Discovery, event: str, value: str | None = None) -> Finding:
    [one] = [each for each in found.findings if (each.event, each.value) == (event, value)]
    return one


def test_a_planted_cause_is_a_signal_and_the_aha_moment(program: Program) -> None:
    made = ordinary_world(1)
    shared = made.note_some("Report Shared", 0.25, within_days=6)
    made.convert(np.where(shared, 0.28, 0.05), after_days=(7, 30))
    found = discover(made.open(), program, AS_OF)
    assert finding(found, "Report Shared").verdict == "signal"
    assert found.aha is not None
    assert found.aha.event == "Report Shared"
    assert found.aha.lift_low > 1.5
    assert {each.event for each in found.findings if each.verdict == "signal"} == {"Report Shared"}


def test_the_number_of_times_from_which_it_matters_is_found(program: Program) -> None:
    made = ordinary_world(2, 2500)
    times = made.rng.choice([0, 1, 2, 3, 4, 6], made.size, p=[0.4, 0.15, 0.15, 0.1, 0.1, 0.1])
    who = np.repeat(np.arange(made.size), times)
    made.note("Report Shared", who, made.rng.uniform(0.1, 6, len(who)))
    made.convert(np.where(times >= 3, 0.25, 0.03), after_days=(8, 30))
    found = discover(made.open(), program, AS_OF)
    assert found.aha is not None
    assert (found.aha.event, found.aha.at_least) == ("Report Shared", 3)
    assert found.aha.n_converted < found.n_converted  # measured where it was not chosen


@pytest.mark.parametrize("seed", [3, 4, 5, 6])
def test_where_nothing_leads_to_a_purchase_nothing_is_a_signal(seed: int, program: Program) -> None:
    made = ordinary_world(seed)
    made.convert(0.12, after_days=(5, 40))
    found = discover(made.open(), program, AS_OF)
    assert [each.event for each in found.findings if each.verdict == "signal"] == []
    assert found.aha is None


def test_what_happens_only_after_the_purchase_is_a_leak(program: Program) -> None:
    made = ordinary_world(7)
    made.convert(0.12, after_days=(5, 40))
    who = np.flatnonzero(made.converts)
    paid = (made.converted_at - made.signup_at)[who] / np.timedelta64(1, "D")
    made.note("Invoice Paid", who, paid + made.rng.uniform(0.01, 3, len(who)))
    found = finding(discover(made.open(), program, AS_OF), "Invoice Paid")
    assert found.verdict == "leak"
    assert "only after converting" in found.reason
    assert found.q_value == 1


def test_what_happens_in_the_last_hours_before_the_purchase_is_a_leak(program: Program) -> None:
    made = ordinary_world(8)
    made.convert(0.12, after_days=(5, 40))
    who = np.flatnonzero(made.converts)
    paid = (made.converted_at - made.signup_at)[who] / np.timedelta64(1, "D")
    made.note("Checkout Opened", who, paid - made.rng.uniform(0.02, 0.2, len(who)))
    made.note_some("Checkout Opened", 0.04, within_days=20)  # some look and leave
    found = discover(made.open(), program, AS_OF)
    assert finding(found, "Checkout Opened").verdict == "leak"
    assert finding(found, "Subscribed").reason == "It is the conversion itself."


def test_a_difference_between_segments_is_confounded_and_no_signal(program: Program) -> None:
    made = ordinary_world(9, 2500)
    large = made.rng.random(made.size) < 0.3
    made.segment[large] = "enterprise"
    made.note_some("Audit Log Opened", np.where(large, 0.6, 0.05), within_days=10)
    made.convert(np.where(large, 0.3, 0.04), after_days=(15, 40))
    found = finding(discover(made.open(), program, AS_OF), "Audit Log Opened")
    assert found.verdict == "confounded"
    assert found.lift_low > 1.5  # at first sight it looks well


def test_what_only_those_do_who_seldom_buy_is_not_called_harmful(program: Program) -> None:
    made = ordinary_world(10, 2500)
    large = made.rng.random(made.size) < 0.5
    made.segment[large] = "enterprise"
    invited = made.note_some("Teammate Invited", np.where(large, 0.4, 0.0), within_days=10)
    made.convert(np.where(large, np.where(invited, 0.12, 0.04), 0.3), after_days=(15, 40))
    found = finding(discover(made.open(), program, AS_OF), "Teammate Invited")
    assert found.verdict == "confounded"
    assert found.lift < 1
    assert "turns round" in found.reason


def test_what_comes_with_time_is_survivorship(program: Program) -> None:
    made = ordinary_world(11)
    made.convert(0.12, after_days=(5, 40))  # and then stay five months
    made.note_use("Newsletter Opened", 0.01)
    found = finding(discover(made.open(), program, AS_OF), "Newsletter Opened")
    assert found.verdict == "survivorship"
    assert "at equal age" in found.reason


def test_what_most_do_anyway_is_vanity(program: Program) -> None:
    made = ordinary_world(12)
    made.note_some("Tour Finished", 0.8, within_days=3)
    made.convert(0.12, after_days=(5, 40))
    found = finding(discover(made.open(), program, AS_OF), "Tour Finished")
    assert found.verdict == "vanity"
    assert found.reason.startswith("Most of those who do not convert do it too")


def test_what_goes_with_being_active_is_vanity(program: Program) -> None:
    made = World(np.random.default_rng(13), 2500)
    use = made.rng.lognormal(0, 0.8, made.size)
    for event, per_day in (("Page Opened", 1.0), ("Comment Added", 0.4), ("Search Used", 0.3)):
        made.note_use(event, per_day * use)
    made.note_use("Help Article Read", 0.04 * use)
    made.convert(np.clip(0.05 * use**1.5, 0, 0.8), after_days=(15, 40))
    found = finding(discover(made.open(), program, AS_OF), "Help Article Read")
    assert found.verdict == "vanity"
    assert "being active" in found.reason


def test_what_hardly_anybody_does_is_unsupported(program: Program) -> None:
    made = ordinary_world(14)
    made.note("Webhook Added", np.arange(6), np.full(6, 2.0))
    made.convert(0.12, after_days=(5, 40))
    assert finding(discover(made.open(), program, AS_OF), "Webhook Added").verdict == "unsupported"


def test_what_only_those_do_who_never_buy_is_weak(program: Program) -> None:
    made = ordinary_world(24)
    gave_up = made.note_some("Data Deleted", 0.3, within_days=10)
    made.convert(np.where(gave_up, 0.0, 0.15), after_days=(15, 40))
    found = finding(discover(made.open(), program, AS_OF), "Data Deleted")
    assert found.verdict == "weak"
    assert found.converted_share == 0
    assert "less often" in found.reason


def test_one_value_of_a_property_can_matter_where_the_event_does_not(program: Program) -> None:
    made = ordinary_world(15, 2500)
    does = made.rng.random(made.size) < 0.7
    printed = does & (made.rng.random(made.size) < 0.25)
    who = np.flatnonzero(does)
    formats = np.where(printed[who], '{"format":"pdf","pages":7}', '{"format":"csv","pages":7}')
    made.note("Export Made", who, made.rng.uniform(0.1, 6, len(who)), formats)
    made.convert(np.where(printed, 0.3, 0.05), after_days=(8, 40))
    found = discover(made.open(), program, AS_OF)
    assert finding(found, "Export Made", "pdf").verdict == "signal"
    assert finding(found, "Export Made", "csv").verdict != "signal"
    # What is the same on every event tells nothing apart.
    assert {each.property for each in found.findings} == {None, "format"}


def test_the_order_of_rows_changes_nothing(program: Program) -> None:
    def found(order: int) -> Discovery:
        made = ordinary_world(16)
        shared = made.note_some("Report Shared", 0.25, within_days=6)
        made.convert(np.where(shared, 0.28, 0.05), after_days=(7, 30))
        return discover(made.open(order), program, AS_OF)

    assert found(1) == found(-1)


def test_nothing_stays_behind_in_the_database(program: Program) -> None:
    made = ordinary_world(17)
    made.convert(0.12, after_days=(5, 40))
    connection = made.open()
    tables = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views()"
    before = sorted(connection.execute(tables).fetchall())
    discover(connection, program, AS_OF)
    assert sorted(connection.execute(tables).fetchall()) == before


def test_whoever_is_too_young_or_excluded_is_left_out_and_counted(program: Program) -> None:
    made = ordinary_world(18)
    made.convert(0.12, after_days=(5, 40))
    connection = made.open()
    connection.execute(
        "UPDATE features.subjects SET excluded_as = 'staff' WHERE subject_id LIKE '%7'"
    )
    early = datetime(2026, 8, 1, tzinfo=UTC)
    found = discover(connection, program, early)
    excluded = made.size // 10
    young = made.signup_at > np.datetime64("2026-08-01") - np.timedelta64(14 + 30, "D")
    young &= np.arange(made.size) % 10 != 7
    assert found.left_out == {"excluded by the program": excluded, "too young": young.sum()}
    assert found.n_converted + found.n_other == made.size - excluded - young.sum()


def test_what_is_known_later_than_the_clock_changes_nothing(program: Program) -> None:
    made = ordinary_world(19)
    made.convert(0.12, after_days=(5, 40))
    connection = made.open()
    before = discover(connection, program, AS_OF)
    connection.execute(
        "INSERT INTO raw.events SELECT type, 'Report Shared', link_id, occurred_at,"
        " TIMESTAMP '2026-10-02', properties FROM raw.events"
    )
    assert discover(connection, program, AS_OF) == before


def test_few_conversions_and_a_short_history_are_warned_of(program: Program) -> None:
    made = ordinary_world(20, 500)
    made.convert(0.1, after_days=(5, 40))
    connection = made.open()
    connection.execute("DELETE FROM features.subjects WHERE first_seen_at < TIMESTAMP '2026-04-15'")
    few, short = discover(connection, program, AS_OF).warnings
    assert "converted: below 100" in few
    assert "under six months" in short


def test_without_conversions_there_is_nothing_to_compare(program: Program) -> None:
    made = ordinary_world(21, 300)
    with pytest.raises(PqlError, match="No account has done `Subscribed` yet"):
        discover(made.open(), program, AS_OF)


def test_a_handful_of_conversions_is_refused(program: Program) -> None:
    made = ordinary_world(22, 300)
    made.convert(np.arange(300) < 7, after_days=(5, 40))
    with pytest.raises(PqlError, match="it takes 10"):
        discover(made.open(), program, AS_OF)


def test_customers_alone_are_refused(program: Program) -> None:
    made = ordinary_world(23, 300)
    made.convert(1.0, after_days=(5, 30))
    with pytest.raises(PqlError, match="nobody to compare with"):
        discover(made.open(), program, AS_OF)
