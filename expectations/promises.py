"""What a promise and a suite are: a sentence about a table, with the measure that decides it.

Declarations only, free of Great Expectations, which is slow to import: `validation.py` turns them
into its objects. The promises themselves are in `input_suites.py` and `lead_suites.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BETWEEN = "ExpectColumnValuesToBeBetween"
PRESENT = "ExpectColumnValuesToNotBeNull"
ONE_OF = "ExpectColumnValuesToBeInSet"
NONE_OF = "ExpectColumnValuesToNotBeInSet"


@dataclass(frozen=True)
class Promise:
    """One sentence that is either true or broken.

    Attributes:
        name: Identifies it within its suite.
        sentence: What is promised, for people.
        frame: The frame of `frames.py` that it is about.
        column: The column that shows whether it holds.
        expectation: Class of Great Expectations.
        arguments: Of that class, besides the column.
        judged_from: Least value of other columns from which a row is judged: below it there is too
            little data to say anything, and a small installation is never at fault for being small.
        holds_deliveries: Whether nothing may leave while it is broken. Not so where holding would
            not help anybody: a late hand-off does not get faster by holding the others.
    """

    name: str
    sentence: str
    frame: str
    column: str
    expectation: str = BETWEEN
    arguments: Mapping[str, Any] = field(default_factory=dict)
    judged_from: Mapping[str, float] = field(default_factory=dict)
    holds_deliveries: bool = True


@dataclass(frozen=True)
class Suite:
    """The promises about one asset.

    Attributes:
        name: Also names its check `suite_<name>` and its breaker `suite:<name>`.
        asset: Key of the asset that the check is attached to.
        about: What it protects, in one sentence.
        row_names: Per frame the columns that say which row an example is; they hold ids, never
            addresses or names of people.
    """

    name: str
    asset: tuple[str, ...]
    about: str
    promises: Sequence[Promise]
    row_names: Mapping[str, tuple[str, ...]]

    @property
    def is_guarding(self) -> bool:
        """Whether a failure can hold deliveries."""
        return any(promise.holds_deliveries for promise in self.promises)
