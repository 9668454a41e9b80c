"""The campaign itself: it runs, its judge sees what is wrong, and its faults are counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faults import oracle
from faults.oracle import Entry, Fate, compare
from faults.outcome import Outcome, unfired
from faults.scenarios import CODES, PROFILES, Scenario, Step, scenarios

Finished = subprocess.CompletedProcess[str]
REPOSITORY = Path(__file__).parents[2]
DROPPED = {"fault": "accept_then_close"}
DELIVERED = [Fate(key, "alert", "DELIVERED") for key in "abc"]


SENDS_AGAIN = """
import sys
from faults.__main__ import main
from pql_platform.domain.delivery import Ambiguous, TryLater
from pql_platform.ledger import outbox

sound = outbox.after_sending

def sends_again(claim, outcome, *moment, **options):
    doubt = isinstance(outcome, Ambiguous)
    return sound(claim, TryLater("?") if doubt else outcome, *moment, **options)

outbox.after_sending = sends_again
sys.exit(main())
"""


def campaign(*arguments: str, start: tuple[str, ...] = ("-m", "faults")) -> Finished:
    # A process of its own, for it forks, and tests run beside threads.
    command = [sys.executable, "-W", "error", *start, "--profile", "smoke", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)


def row(table: str, name: str) -> list[str]:
    [line] = [line for line in table.splitlines() if name in line]
    return [cell.strip() for cell in line.split("│")[1:-1]]


def entry(key: str, fault: dict[str, object] | None = None, posted: bool = True) -> Entry:
    """A line of Slack's log about one request to post."""
    fault = fault or {}
    return {
        "method": oracle.POST,
        "fault": fault.get("fault"),
        "injected": fault,
        "key": key,
        "posted": {"text": "hello"} if posted else None,
    }


def outcome(log: list[Entry], fates: list[Fate], scenario: Scenario) -> Outcome:
    found = compare(oracle.posted_keys(log), fates)
    return Outcome(scenario.name, 1, found, 1, 1, unfired(scenario, log), "", 0.0)


def test_both_pipelines_meet_a_dropped_connection_and_only_one_of_them_doubles() -> None:
    done = campaign("--only", "dropped", "--no-page")
    assert done.returncode == 0, done.stderr
    ours, naive = done.stdout.split("Asset, SlackResource")
    name = "dropped after accept"
    assert row(ours, name)[:7] == [name, "2", "7", "0", "0", "0", "2 of 2"]
    assert row(naive, name)[:7] == [name, "2", "6", "0", "2", "0", "0 of 2"]


def test_a_platform_that_sends_again_what_is_in_doubt_is_found_out() -> None:
    start = ("-c", SENDS_AGAIN)
    done = campaign("--only", "dropped", "--pipeline", "ours", start=start)
    assert done.returncode == 1, done.stderr
    assert row(done.stdout, "dropped after accept")[3:5] == ["0", "2"]


def test_dispatchers_die_at_side_effects_and_at_random_and_nothing_is_lost() -> None:
    done = campaign("--only", "kill -9", "--pipeline", "ours")
    assert done.returncode == 0, done.stderr
    for name in ("kill -9 at each side effect", "kill -9 at random"):
        fault, fired, _, lost, doubled = row(done.stdout, name)[:5]
        assert (fault, fired, lost, doubled) == (name, "6", "0", "0")


@pytest.mark.parametrize(
    ("posted", "fates", "wrong"),
    [
        ("abcb", DELIVERED, "doubled"),
        ("ab", [*DELIVERED[:2], Fate("c", "alert", "PENDING")], "lost"),
        ("ab", [*DELIVERED[:2], Fate("c", "alert", "DEAD")], "lost"),
        ("ab", [*DELIVERED[:2], Fate("c", "alert", "DEAD", told=True)], "given_up"),
        ("abc", [*DELIVERED[:2], Fate("c", "alert", "DEAD", told=True)], "contradictions"),
        ("abcd", DELIVERED, "contradictions"),
    ],
)
def test_the_judge_sees_what_is_wrong(posted: str, fates: list[Fate], wrong: str) -> None:
    found = compare(posted, fates)
    assert len(getattr(found, wrong)) == 1
    assert found.clean == (wrong == "given_up")


def test_a_lost_page_is_a_contradiction_too() -> None:
    assert compare("a", [DELIVERED[0], Fate("p", "oncall", "DELIVERED")]).contradictions == ("p",)


def test_a_line_more_or_less_in_the_log_fails_the_scenario() -> None:
    scenario = Scenario("dropped", (Step(3, [DROPPED]),))
    log = [entry("a", DROPPED), entry("b"), entry("c")]
    assert outcome(log, DELIVERED, scenario).passed
    assert not outcome([*log, entry("b")], DELIVERED, scenario).passed
    assert not outcome(log[:-1], DELIVERED, scenario).passed
    assert not outcome([entry(key) for key in "abc"], DELIVERED, scenario).passed


def test_a_fault_counts_as_fired_as_often_as_it_was_planned() -> None:
    planned = Scenario("two", (Step(3, [DROPPED, {}, DROPPED, {"fault": "delay", "seconds": 1}]),))
    assert unfired(planned, [entry("a", DROPPED), entry("b", DROPPED)]) == ()
    assert unfired(planned, [entry("a", DROPPED), entry("b")]) == (oracle.label(DROPPED),)
    assert unfired(planned, [entry("a", {"fault": "cut_200"})]) == (oracle.label(DROPPED),)


def test_a_seed_draws_the_same_plan_and_another_one_a_different_one() -> None:
    ci = PROFILES["ci"]
    assert scenarios(ci, 1) == scenarios(ci, 1) != scenarios(ci, 2)


def test_the_plans_hold_what_was_promised() -> None:
    for name in ("ci", "nightly"):
        plan = scenarios(PROFILES[name], 1)
        assert sum(one.kills for one in plan if one.name.startswith("kill -9 at random")) >= 300
        [codes] = [one for one in plan if "every code" in one.name]
        assert [step.post[0]["code"] for step in codes.steps] == list(CODES)
        assert len({one.name for one in plan}) == len(plan)
