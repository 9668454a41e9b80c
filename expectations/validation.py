"""Holds frames against a suite and says in plain values what was found.

The only module that speaks with Great Expectations, besides `data_docs.py`, which renders. What is
promised is in the suites, where the figures come from in the frames, and what follows from a
broken promise in `checks.py`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from expectations.data_docs import Verdict, write_data_docs
from expectations.frames import Frames
from expectations.promises import PRESENT, Promise, Suite

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class PromiseResult:
    """What became of one promise.

    Attributes:
        holds: Also true where nothing could be judged.
        judged: Rows that were judged; 0 while there is too little data.
        observed: The figure, or its range over the judged rows.
        examples: Ids of up to five rows that break it, each with its figure.
    """

    promise: Promise
    holds: bool
    judged: int
    observed: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class SuiteResult:
    """What became of a suite, and the page that shows it."""

    suite: Suite
    promises: tuple[PromiseResult, ...]
    page: Path

    @property
    def passed(self) -> bool:
        """Whether every promise holds."""
        return not self.broken

    @property
    def broken(self) -> tuple[PromiseResult, ...]:
        """The promises that do not hold."""
        return tuple(result for result in self.promises if not result.holds)

    @property
    def holds_deliveries(self) -> bool:
        """Whether a promise is broken that nothing may leave without."""
        return any(result.promise.holds_deliveries for result in self.broken)


def validate(suite: Suite, frames: Frames, *, docs: Path, now: datetime) -> SuiteResult:
    """Judge a suite and write its page of the Data Docs.

    Args:
        suite: What is promised.
        frames: A frame for each that the suite names, with a column for each of its figures.
        docs: Folder of the Data Docs.
        now: When this is judged, aware UTC; shown on the page.

    Raises:
        KeyError: A frame is missing.
    """
    gx = load_great_expectations()
    judged: dict[str, ExpectationSuiteValidationResult] = {}
    results: dict[str, PromiseResult] = {}
    for name in suite.row_names:
        promises = [promise for promise in suite.promises if promise.frame == name]
        judged[name] = _judge(
            gx, f"{suite.name}.{name}", promises, frames[name], suite.row_names[name]
        )
        by_name = {_name(found): found for found in judged[name].results}
        for promise in promises:
            results[promise.name] = _result(
                promise, by_name[promise.name], frames[name], suite.row_names[name]
            )
    in_order = tuple(results[promise.name] for promise in suite.promises)
    page = write_data_docs(
        docs, suite, judged, Verdict(all(result.holds for result in in_order), now)
    )
    return SuiteResult(suite, in_order, page)


def load_great_expectations() -> ModuleType:
    """Import Great Expectations, which takes 3 s warm and 14 s cold, and sends nothing home."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        # It imports two modules of the standard library that Python 3.11 deprecates.
        warnings.filterwarnings("ignore", "module 'sre_(constants|parse)'", DeprecationWarning)
        import great_expectations
    return great_expectations


def _judge(
    gx: ModuleType,
    name: str,
    promises: list[Promise],
    frame: pd.DataFrame,
    row_names: tuple[str, ...],
) -> ExpectationSuiteValidationResult:
    batch = _batch(gx, frame)
    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            getattr(gx.expectations, promise.expectation)(
                column=promise.column,
                row_condition=_condition(promise.judged_from),
                description=promise.sentence,
                meta={"promise": promise.name},
                **promise.arguments,
            )
            for promise in promises
        ],
    )
    found: ExpectationSuiteValidationResult = batch.validate(
        suite,
        result_format={
            "result_format": "COMPLETE",  # a shorter one leaves out which rows were unexpected
            "unexpected_index_column_names": list(row_names),
            "partial_unexpected_count": MAX_EXAMPLES,
            "return_unexpected_index_query": False,
        },
    )
    return found


def _batch(gx: ModuleType, frame: pd.DataFrame) -> Any:
    """Wrap a frame in a context that exists in memory only."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})


def _condition(judged_from: Mapping[str, float]) -> Any:
    from great_expectations.expectations.row_conditions import Column

    conditions: list[Any] = [Column(column) >= least for column, least in judged_from.items()]
    return reduce(lambda left, right: left & right, conditions) if conditions else None


def _result(
    promise: Promise,
    found: ExpectationValidationResult,
    frame: pd.DataFrame,
    row_names: tuple[str, ...],
) -> PromiseResult:
    raised = _exception(found)
    if raised is not None:
        return PromiseResult(promise, False, 0, f"could not be judged: {raised}", ())
    rows = frame
    for column, least in promise.judged_from.items():
        rows = rows[rows[column] >= least]
    if promise.expectation != PRESENT:
        rows = rows[rows[promise.column].notna()]
    broken = found.result.get("unexpected_index_list") or []
    examples = [
        f"{_row_name(row, row_names)}: {_figure(row[promise.column])}"
        for row in broken[:MAX_EXAMPLES]
    ]
    return PromiseResult(
        promise=promise,
        holds=bool(found.success),
        judged=len(rows),
        observed=_observed(rows[promise.column], len(broken)),
        examples=tuple(() if found.success else examples),
    )


def _row_name(row: Mapping[str, Any], row_names: tuple[str, ...]) -> str:
    return " / ".join(str(row[name]) for name in row_names if pd.notna(row[name]))


def _name(found: ExpectationValidationResult) -> str:
    config: Any = found.expectation_config
    name: str = config.meta["promise"]
    return name


def _exception(found: ExpectationValidationResult) -> str | None:
    """What went wrong while judging: the information stands alone, or once per metric."""
    info: dict[str, Any] = found.exception_info or {}
    for entry in (info, *(value for value in info.values() if isinstance(value, dict))):
        if entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None


def _observed(values: pd.Series, broken: int) -> str:
    if values.empty:
        return "too little data"
    if len(values) == 1:
        return _figure(values.iloc[0])
    fault = f", {broken} of them wrong" if broken else ""
    if not pd.api.types.is_numeric_dtype(values) or values.isna().all():
        return f"{len(values)} rows{fault}"
    least, most = _figure(values.min()), _figure(values.max())
    return f"{least if least == most else f'{least} to {most}'} in {len(values)} rows{fault}"


def _figure(value: Any) -> str:
    if pd.isna(value):
        return "missing"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
