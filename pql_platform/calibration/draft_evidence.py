"""What the warehouse says of a draft: facts, findings, points and leads, with nothing deployed.

Each question renders the models it needs and computes them beside production. What is made of the
answers is `proposal`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pandas as pd

from pql_platform.calibration.discovery import Discovery, discover
from pql_platform.calibration.draft import HORIZON_DAYS
from pql_platform.calibration.draft_models import render_models
from pql_platform.calibration.examples import Examples, collect_examples
from pql_platform.calibration.lead_course import judge
from pql_platform.calibration.points_table import PointsTable, fit_points
from pql_platform.calibration.product_facts import ProductFacts, read_facts
from pql_platform.calibration.queue import crossings_of
from pql_platform.calibration.refusals import leaks
from pql_platform.calibration.scoring import score_examples
from pql_platform.calibration.thresholds import ThresholdChoice, choose_threshold
from pql_platform.errors import PqlError
from pql_platform.program.schema import Program
from pql_platform.settings import Settings
from pql_platform.warehouse.definition import compile_definition
from pql_platform.warehouse.deployments import Deployed
from pql_platform.warehouse.rescoring import as_known_at, live_schemas


@dataclass(frozen=True)
class Learned:
    """What examples say of a draft.

    Attributes:
        examples: The examples; None where there can be none.
        table: The points; None where they cannot be fitted.
        leaks: Signals that give the purchase away, with how that shows.
        why_not: Why there is no table, a sentence; empty when there is one.
    """

    examples: Examples | None
    table: PointsTable | None
    leaks: Mapping[str, str]
    why_not: str


class DraftEvidence:
    """Asks the warehouse about drafts, all at one instant.

    Args:
        connection: The warehouse or a copy of it; it is not changed.
        settings: The installation.
        accounts_from: How users become accounts.
        as_of: Aware instant.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        settings: Settings,
        accounts_from: Sequence[str],
        as_of: datetime,
    ) -> None:
        self.as_of = as_of
        self._connection = connection
        self._settings = settings
        self._accounts_from = accounts_from
        self._rendered: dict[str, list[Deployed]] = {}

    def facts(self) -> ProductFacts:
        """Read the facts of the product, which need no program."""
        program = _placeholder("conversion", self._accounts_from)
        with self._computed(render_models(self._settings, [program], "staging")) as connection:
            return read_facts(connection)

    def findings(self, conversion: str) -> Discovery:
        """Discover what separates who converted; where that cannot be, nothing and a warning."""
        program = _placeholder(conversion, self._accounts_from)
        with self._computed(self._models(program)) as connection:
            try:
                return discover(connection, program, self.as_of)
            except PqlError as error:
                why = f"Nothing could be compared: {error.message}."
                return Discovery(program.program, self.as_of, (), None, 0, 0, {}, (why,))

    def learned(self, program: Program) -> Learned:
        """Collect examples of a draft and fit points to them, as far as that can be done."""
        models = self._models(program)
        try:
            examples = collect_examples(self._connection, program, self.as_of, models=models)
        except PqlError as error:
            return Learned(None, None, {}, f"{error.message}.")
        found = leaks(examples, program)
        if found:
            return Learned(examples, None, found, "A signal gives the purchase away.")
        try:
            return Learned(examples, fit_points(examples, program), {}, "")
        except PqlError as error:
            return Learned(examples, None, {}, f"{error.message}.")

    def judged(self, program: Program) -> pd.DataFrame:
        """Judge the accounts of the population by a draft, as `lead_course.judge` does."""
        with self._computed(self._models(program)) as connection:
            return judge(connection, program, self.as_of)

    def _models(self, program: Program) -> list[Deployed]:
        """The models of a draft; each definition is rendered once, which takes some seconds."""
        definition = compile_definition([program])
        if definition not in self._rendered:
            self._rendered[definition] = render_models(self._settings, [program])
        return self._rendered[definition]

    @contextmanager
    def _computed(self, models: Sequence[Deployed]) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse in which unqualified names mean these models."""
        with (
            as_known_at(self._connection, self.as_of, models=models),
            live_schemas(self._connection),
        ):
            yield self._connection


def threshold_choice(
    program: Program, accounts: pd.DataFrame, examples: Examples | None
) -> ThresholdChoice:
    """Where the threshold lies, and what its neighbours would mean for sales.

    Args:
        program: The draft, with its points, share and capacity.
        accounts: From `DraftEvidence.judged`.
        examples: For who crosses in a day; None leaves the capacity out.
    """
    crossings = None
    if examples is not None:
        scored = score_examples(examples.frame, program)
        crossings = crossings_of(examples.frame, scored.scores, scored.eligible, program)
    return choose_threshold(
        accounts["score"].astype("float64"),
        accounts["eligible"],
        program,
        daily_crossings=crossings,
    )


def _placeholder(conversion: str, accounts_from: Sequence[str]) -> Program:
    """A program that asks for nothing but the conversion: for what must be known before signals."""
    return Program.model_validate(
        {
            "program": "draft",
            "motion": "new_business",
            "owners": {"process": "nobody", "signals": "nobody", "response": "nobody"},
            "conversion": {"event": conversion, "horizon_days": HORIZON_DAYS},
            "value_metric": "not known yet",
            "accounts": {"from": list(accounts_from)},
            "signals": [
                {
                    "name": "nothing",
                    "category": "usage_depth",
                    "event": "nothing",
                    "measure": "count",
                    "window_days": 14,
                    "threshold": 1,
                    "says": "did nothing",
                }
            ],
            "threshold": {"capacity_per_day": 1},
            "fit": {"exclude": ["students"]},
            "tiers": [{"tier": 1, "otherwise": True, "contact_within": "24h"}],
            "routing": [{"otherwise": True, "owner": "nobody"}],
            "playbooks": {"user": "nothing", "account": "nothing"},
        }
    )
