"""`pql recalibrate`: draw the thresholds anew, as the quarterly schedule does."""

from __future__ import annotations

from pql_platform.cli.output import AsJson, people, print_json
from pql_platform.passes import run_job
from pql_platform.settings import load_settings


def recalibrate(as_json: AsJson = False) -> None:
    """Compute the thresholds on the current population and record a new model version."""
    result = run_job(load_settings(), "recalibration")
    made = result.metadata["ledger/model_versions"]
    if as_json:
        print_json(made)
        return
    for version, evidence in made.items():
        people.print(
            f"{version} is live: accounts from {evidence['account_threshold']}, users from "
            f"{evidence['user_threshold']}, drawn on {evidence['population']:,} accounts."
        )
