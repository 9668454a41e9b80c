"""`make faults`: breaks the hand-off in every way that is planned for, and counts.

Runs each scenario against the platform and then against the pipeline that teams script, prints a
table of each, and writes both into docs/faults.md unless only a part was asked for. Fails when the
platform lost or doubled a message, when its ledger and Slack's log disagree, or when a fault of the
plan never happened.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

from faults import campaign
from faults.outcome import Outcome
from faults.report import publish, show
from faults.scenarios import PROFILES, Profile, Scenario, scenarios

OURS, NAIVE = "The platform", "Asset, SlackResource and run-failure sensor"
SEED = 20260302


def main() -> int:
    """Run the campaign; returns the exit code."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="ci")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", metavar="NAME", help="scenarios whose name contains this")
    parser.add_argument("--pipeline", choices=("both", "ours", "naive"), default="both")
    parser.add_argument("--no-page", action="store_true", help="leave docs/faults.md as it is")
    options = parser.parse_args()
    profile = PROFILES[options.profile]
    chosen = [
        scenario
        for scenario in scenarios(profile, options.seed)
        if options.only is None or options.only in scenario.name
    ]
    if not chosen:
        parser.error(f"no scenario is called anything like {options.only}")
    # Slack is to be reached on loopback, and its failures are what is wanted here.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)
    logging.disable(logging.ERROR)
    ours = _ours(chosen, options.seed) if options.pipeline != "naive" else []
    naive = _naive(chosen, profile, options.seed) if options.pipeline != "ours" else []
    if options.only is None and options.pipeline == "both" and not options.no_page:
        command = f'make faults ARGS="--profile {options.profile} --seed {options.seed}"'
        publish("ours", OURS, ours, command)
        publish("naive", NAIVE, naive, command)
    return 0 if all(outcome.passed for outcome in ours) else 1


def _ours(chosen: list[Scenario], seed: int) -> list[Outcome]:
    outcomes = []
    for scenario in chosen:
        outcomes.append(campaign.run(scenario, seed))
        _say(outcomes[-1])
    show(OURS, outcomes)
    return outcomes


def _naive(chosen: list[Scenario], profile: Profile, seed: int) -> list[Outcome]:
    # Here, for the dispatchers above are forked, and Dagster would triple what is copied.
    from faults import naive

    outcomes = []
    for scenario in filter(naive.concerns, chosen):
        outcomes.append(naive.run(scenario, profile.naive_kills, seed))
        _say(outcomes[-1])
    if outcomes:
        show(NAIVE, outcomes)
    return outcomes


def _say(outcome: Outcome) -> None:
    """Say at once that a scenario is over: a campaign takes minutes."""
    print(f"{outcome.scenario}: {outcome.seconds:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
