"""What `pql diff` says, for the terminal and as the comment on a pull request.

The comment names no accounts: whoever may read a repository need not be allowed to know who uses
the product. What differs and what it does is found in `pql_platform.calibration`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pql_platform.calibration.program_diff import Approval, Change, ProgramDiff
from pql_platform.calibration.program_effect import Effect, Moved, Side
from pql_platform.domain.grammar import counted, day, number

MARKER = "<!-- pql diff -->"
"""First line of the comment, by which it is found again."""

NO_DATA = "There is no data here, so this says what changed and not whom it concerns."
SAME = "The programs say the same."
NOBODY_MOVES = "Nothing here decides who is a lead, how urgent, or whose."

SIDES = ("", "before", "after")
OWNERS = ("owner", "new leads before", "after")


def headline(diff: ProgramDiff) -> str:
    """One sentence: what became of a program."""
    if diff.state != "changed":
        return f"Program {diff.program} is {'new' if diff.state == 'added' else 'gone'}."
    scores = (
        "scores change, so thresholds are drawn anew"
        if diff.moves_scores
        else "no score changes, and thresholds stay"
    )
    return f"Program {diff.program}: {counted(len(diff.changes), 'change')}; {scores}."


def approval(asked: Approval) -> str:
    """For what somebody must approve."""
    return f"for {' and '.join(asked.stages)}"


def shown(change: Change) -> tuple[str, str, str]:
    """A change as what it is of, what it was, and what it is."""
    return change.key, change.before or "-", change.after or "-"


def line(change: Change) -> str:
    """A change as one line."""
    if change.before is None:
        return f"{change.key}: new, {change.after}"
    if change.after is None:
        return f"{change.key}: gone, was {change.before}"
    return f"{change.key}: {change.before} -> {change.after}"


def period(effect: Effect) -> str:
    """What time the figures are about."""
    first, last = effect.dates[0], effect.dates[-1]
    return (
        f"The {counted((last - first).days, 'day')} to {day(last)}, on "
        f"{counted(len(effect.dates), 'date')} as known then, thresholds drawn on each. New leads "
        "are at least so many: who comes and goes between two dates is not seen."
    )


def lost_calibration(version: str) -> str:
    """That a calibration was made on another file."""
    return (
        f"The points of {version} no longer count: they were calibrated on the file as it was. "
        "Calibrate again once this is merged."
    )


def side_rows(effect: Effect) -> Iterator[tuple[str, str, str]]:
    """The two definitions side by side."""
    rows: tuple[tuple[str, Callable[[Side], str]], ...] = (
        ("accounts that were leads", lambda side: f"{side.accounts:,}"),
        ("qualified share of the population", lambda side: f"{side.share:.1%}"),
        ("new leads per day", _leads),
        ("threshold on the last date", _points),
    )
    for name, said in rows:
        before, after = (said(side) if side else "-" for side in (effect.base, effect.head))
        yield name, before, after


def _leads(side: Side) -> str:
    if side.leads_per_day is None:
        return "-"
    over = ", more than sales can answer" if side.leads_per_day > side.capacity_per_day else ""
    return f"{side.leads_per_day:.1f} (capacity {side.capacity_per_day:,}{over})"


def _points(side: Side) -> str:
    return number(side.threshold) if side.threshold is not None else "nobody has a point"


def moved_rows(effect: Effect) -> Iterator[tuple[str, Moved]]:
    """Who is a lead under one definition only."""
    yield "Leads only after the change", effect.gained
    yield "Leads only before the change", effect.lost


def bought(moved: Moved, horizon_days: int) -> str:
    """What became of some accounts."""
    if not moved.accounts:
        return "none"
    said = f"{counted(moved.accounts, 'account')}; "
    if not moved.known:
        return said + f"too early to say who bought within {horizon_days} days"
    return (
        f"{said}of {moved.known:,} whose {horizon_days} days are over or who bought, "
        f"{moved.converted:,} bought"
    )


def markdown(diffs: Sequence[ProgramDiff], effects: Sequence[Effect] | None) -> str:
    """The whole answer as a comment; effects are None where there is no data."""
    lines = [MARKER, "### What this does to product-qualified leads", ""]
    if not diffs:
        lines += [SAME, ""]
    elif effects is None:
        lines += [NO_DATA, ""]
    by_program = {effect.program: effect for effect in effects or ()}
    for diff in diffs:
        lines += [f"**{headline(diff)}**", ""]
        lines += _table(("key", "before", "after"), (map(_code, shown(it)) for it in diff.changes))
        asked = (f"{_code(one.owner)} {approval(one)}" for one in diff.approvals)
        lines += [f"Must approve: {', '.join(asked)}.", ""]
        lines += [f"- Warning: {_code(warning)}" for warning in diff.warnings]
        lines += [""] if diff.warnings else []
        lines += _effect(diff, by_program.get(diff.program), measured=effects is not None)
    return "\n".join(lines).rstrip() + "\n"


def _effect(diff: ProgramDiff, effect: Effect | None, *, measured: bool) -> Iterator[str]:
    if effect is None:
        if measured and not diff.moves_leads:
            yield from (NOBODY_MOVES, "")
        return
    if effect.loses_calibration is not None:
        yield from (lost_calibration(effect.loses_calibration), "")
    yield from (period(effect), "")
    yield from _table(SIDES, side_rows(effect))
    for name, moved in moved_rows(effect):
        yield f"- {name}: {bought(moved, effect.horizon_days)}"
    yield ""
    yield from _table(
        OWNERS, ((_code(load.owner), str(load.base), str(load.head)) for load in effect.owners)
    )


def _table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    written = [f"| {' | '.join(row)} |" for row in rows]
    if written:
        yield f"| {' | '.join(columns)} |"
        yield f"|{'---|' * len(columns)}"
        yield from written
        yield ""


def _code(text: str) -> str:
    """Text of a file as code, so that none of it is markup, a mention or a link."""
    inert = text.replace("`", "'").replace("|", r"\|")
    return f"`{inert}`"
