"""Lint rule of this project: every description of a column says what counts as one.

The words are few, so that a figure can be read without asking: each kind of column has its own
list, and a description names one of them. That a column is described at all is another rule.
"""

import re

from sqlglot import exp
from sqlmesh.core.linter.rule import Rule, RuleViolation
from sqlmesh.core.model import Model

QUANTITIES = (
    *("count", "persons", "days", "minutes", "seconds", "points", "share", "ratio"),
    *("unit of the measure", "unit of the property"),  # the program decides
    "id",
)
"""What a number counts; an id that happens to be a number counts nothing."""

TEXTS = ("id", "name", "text", "code", "domain", "e-mail")
"""What kind of text it is, and so whether two of them may be compared."""

INSTANTS = ("UTC",)
"""Of instants and of days, which begin at midnight there."""

TRUTHS = ("boolean",)


def units_of(kind: exp.DataType) -> tuple[str, ...]:
    """Return the words of which the description of a column of this type names one."""
    if kind.is_type(exp.DataType.Type.BOOLEAN):
        return TRUTHS
    if kind.is_type(*exp.DataType.TEMPORAL_TYPES):
        return INSTANTS
    if kind.is_type(*exp.DataType.NUMERIC_TYPES):
        return QUANTITIES
    return TEXTS


def names_unit(description: str, units: tuple[str, ...]) -> bool:
    """Whether a description names one of these units.

    As the first or last word of a phrase (between commas, colons and semicolons), where it says
    what the column is in: a "list of days seen" is not in days. In texts, anywhere.
    """
    unit = "|".join(re.escape(word) for word in units)
    if units == TEXTS:
        return re.search(rf"(?:\b|_)({unit})\b", description, re.IGNORECASE) is not None
    phrases = (phrase.strip() for phrase in re.split(r"[,;:]", description))
    return any(re.search(rf"^({unit})\b|\b({unit})$", phrase, re.IGNORECASE) for phrase in phrases)


class NoMissingColumnUnits(Rule):
    """Every column's description names its unit, in the words that this project uses for it."""

    def check_model(self, model: Model) -> RuleViolation | None:
        """Report the columns of which nobody knows what counts as one."""
        if model.kind.is_external or not model.columns_to_types:
            return None
        faults: dict[tuple[str, ...], list[str]] = {}
        for name, kind in model.columns_to_types.items():
            units, description = units_of(kind), model.column_descriptions.get(name)
            if description is not None and not names_unit(description, units):
                faults.setdefault(units, []).append(name)
        said = [
            f"{', '.join(columns)} must name one of {', '.join(units)}"
            for units, columns in faults.items()
        ]
        return self.violation(f"{model.name}: {'; '.join(said)}") if said else None
