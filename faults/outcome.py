"""What one scenario did to one pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faults.oracle import Comparison, Entry, injected, label
from faults.scenarios import Scenario, Step


@dataclass(frozen=True)
class Outcome:
    """One row of a table.

    Attributes:
        fired: Faults that requests met, or processes killed.
        detected: How many of them the pipeline tells of itself; None where that is not judged.
        detectable: How many it could have told of.
        unfired: Planned faults that no request met.
        note: What else is to be said.
    """

    scenario: str
    fired: int
    comparison: Comparison
    detected: int | None
    detectable: int
    unfired: tuple[str, ...]
    note: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing was lost or doubled, and the faults were really there."""
        return self.comparison.clean and not self.unfired


def unfired(scenario: Scenario, log: Sequence[Entry]) -> tuple[str, ...]:
    """The planned faults that no request met, or that too few did."""
    met = Counter(label(entry["injected"]) for entry in injected(log))
    missing: Counter[str] = Counter()
    for step in scenario.steps:
        missing += _planned(step)
    missing.subtract(met)
    return tuple(sorted(+missing))


def _planned(step: Step) -> Counter[str]:
    faults: Iterable[str] = (
        label(fault)
        for fault in (*step.post, *step.history)
        if fault.get("fault") not in (None, "delay")
    )
    # A step that ends by time plans more than is needed, so that each kind once is enough.
    return Counter(set(faults)) if step.lasts else Counter(faults)
