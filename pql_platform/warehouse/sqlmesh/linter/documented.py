"""Lint rules of this project: every model says what one row is, who owns it, and what is in it."""

from sqlmesh.core.linter.rule import Rule, RuleViolation
from sqlmesh.core.model import Model


class NoMissingGrain(Rule):
    """Every model declares the columns that make a row unique."""

    def check_model(self, model: Model) -> RuleViolation | None:
        """Report a model without a grain."""
        return None if model.grains or model.kind.is_external else self.violation()


class NoMissingColumnDescriptions(Rule):
    """Every column of a model is described, with its unit where it has one."""

    def check_model(self, model: Model) -> RuleViolation | None:
        """Report the columns that no one described."""
        if model.kind.is_external or not model.columns_to_types:
            return None
        missing = sorted(set(model.columns_to_types) - set(model.column_descriptions))
        return (
            self.violation(f"{model.name}: no description of {', '.join(missing)}")
            if missing
            else None
        )


class NoMissingOwner(Rule):
    """Every model names the team that answers for it."""

    def check_model(self, model: Model) -> RuleViolation | None:
        """Report a model without an owner."""
        return None if model.owner or model.kind.is_external else self.violation()
