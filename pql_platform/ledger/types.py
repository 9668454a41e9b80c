"""Column types that refuse what cannot be stored exactly.

Each stores the same on SQLite and Postgres and turns back into the value that went in. Tables
belong in `tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import JSON, DateTime, Dialect, Integer, String, TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware datetimes in, aware UTC datetimes out.

    Raises:
        ValueError: A naive datetime is bound.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn the moment into UTC."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no time zone, so it is no moment")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's bare text its time zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class QuarterPoints(TypeDecorator[Decimal]):
    """Points as a whole number of quarter points: exact, and ordered by the database itself.

    SQLite has no decimal type. A score of 82.5 is stored as 330.

    Raises:
        ValueError: The value is no multiple of 0.25.
    """

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Turn points into quarters."""
        if value is None:
            return None
        quarters = Decimal(value) * 4
        if not quarters.is_finite() or quarters != quarters.to_integral_value():
            raise ValueError(f"{value} points are no multiple of 0.25")
        return int(quarters)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Turn quarters into points."""
        return None if value is None else Decimal(value) / 4


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal as its digits, for shares, which nobody sorts by.

    Raises:
        ValueError: The value is a float, or not finite.
    """

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Write the digits."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise ValueError(f"{value!r} is no finite decimal")
        return str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """Read the digits."""
        return None if value is None else Decimal(value)


class PointsByName(TypeDecorator[dict[str, Decimal]]):
    """Points of several things by their names, in the order given: a JSON object of numbers.

    Quarter points are exact as JSON numbers, whatever reads them.

    Raises:
        ValueError: A value is no multiple of 0.25.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(
        self, value: Mapping[str, Decimal] | None, dialect: Dialect
    ) -> dict[str, int | float] | None:
        """Turn points into JSON numbers."""
        if value is None:
            return None
        return {name: _as_json_number(Decimal(points)) for name, points in value.items()}

    def process_result_value(
        self, value: Mapping[str, int | float] | None, dialect: Dialect
    ) -> dict[str, Decimal] | None:
        """Turn JSON numbers into points."""
        if value is None:
            return None
        return {name: Decimal(str(points)) for name, points in value.items()}


def _as_json_number(points: Decimal) -> int | float:
    if not points.is_finite() or points * 4 != (points * 4).to_integral_value():
        raise ValueError(f"{points} points are no multiple of 0.25")
    return int(points) if points == points.to_integral_value() else float(points)
