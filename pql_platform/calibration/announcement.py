"""What a calibration found, in words and rows for the people who decide about it.

Made of the evidence that a version keeps, so that what was posted can be read again from it. How it
looks in Slack is the adapter's, on the command line the command's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pql_platform.domain.grammar import counted
from pql_platform.ledger.versions import ModelVersion

FIRST_NAMED = 5
"""Accounts gained and lost that are named; the rest is counted."""

_FIGURES = (
    ("capture_top15", "buyers in the best 15 %"),
    ("roc_auc", "buyers ranked above others (ROC AUC)"),
    ("lift_top15", "lift in the best 15 %"),
)
_PROPOSED, _LIVE = "points table", "points in force"

_TITLES = {
    "promote": "{version} is live: the quarterly calibration was better, within every band",
    "ask": "{version} waits for a decision",
    "keep": "The points in force stay; {version} is kept as a record",
}


def announce(
    version: ModelVersion, champion: str, by: str | None = None, answers: Sequence[str] = ()
) -> dict[str, Any]:
    """Say what a calibration found.

    Args:
        version: The recorded challenger, with its evidence.
        champion: Id of the version that it challenges.
        by: Who promoted it already; None while nobody has.
        answers: What reps said of the champion's alerts.

    Returns:
        JSON-able: title, program, version, champion, action, reasons, warnings, figures (rows of
        name, now, proposed), points (rows of signal, now, proposed, reason), threshold and notes
        (sentences), risks (sentences), moved and owners (sentences), what_to_do (sentences).
    """
    evidence = version.evidence or {}
    decision, judged = evidence["decision"], evidence["backtest"]
    return {
        "title": _TITLES[decision["action"]].format(version=version.id),
        "program": version.program,
        "version": version.id,
        "champion": champion,
        "action": decision["action"],
        "reasons": list(decision["reasons"]),
        "warnings": [*decision["warnings"], *judged["warnings"], *evidence["notes"], *answers],
        "figures": _figures(judged, evidence["shares"]),
        "points": _points(evidence["points_table"]),
        "threshold": [evidence["threshold"]["reason"], *evidence["threshold"]["warnings"]],
        "risks": [_risk(risk) for risk in evidence["threshold"]["risks"]],
        "moved": _moved(judged),
        "owners": [
            f"{owner}: {counted(after, 'lead')} instead of {before}"
            for owner, (before, after) in evidence["owners"].items()
            if before != after
        ],
        "what_to_do": _what_to_do(decision["action"], version.id, champion, by),
    }


def refusal(program: str, champion: str, why: str) -> dict[str, Any]:
    """Say that nothing could be calibrated, in the form of `announce`.

    Args:
        program: The program.
        champion: Id of the live version, which stays.
        why: The reason, with what to do about it.
    """
    return {
        "title": f"{program} was not calibrated: {champion} stays live",
        "program": program,
        "version": None,
        "champion": champion,
        "action": "refused",
        "reasons": [why],
        "what_to_do": [f"{champion} goes on judging. `pql calibrate` tries again at any time."],
        **{
            part: []
            for part in ("warnings", "figures", "points", "threshold", "risks", "moved", "owners")
        },
    }


def _figures(judged: Mapping[str, Any], shares: Sequence[float]) -> list[list[str]]:
    rows = {row["name"]: row for row in judged["baselines"]}
    figures = [
        [label, _figure(key, rows[_LIVE][key]), _figure(key, rows[_PROPOSED][key])]
        for key, label in _FIGURES
    ]
    figures.append(["qualified share", *(f"{share:.1%}" for share in shares)])
    return figures


def _figure(key: str, value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.0%}" if key == "capture_top15" else f"{value:.2f}"


def _points(rows: Sequence[Mapping[str, str]]) -> list[list[str]]:
    return [
        [
            row["signal"],
            row["points_now"],
            row["points"],
            "" if row["reason"] in ("", "None") else row["reason"],
        ]
        for row in rows
    ]


def _risk(risk: Mapping[str, float]) -> str:
    return (
        f"From {risk['threshold']:g}: {risk['contacts_per_day']:.1f} contacts a working day, "
        f"{risk['load']:.0%} of what sales can answer, {risk['share_late']:.0%} of them late"
    )


def _moved(judged: Mapping[str, Any]) -> list[str]:
    said = []
    for side in ("gained", "lost"):
        accounts = list(judged[side])
        named = ", ".join(accounts[:FIRST_NAMED])
        rest = f" and {len(accounts) - FIRST_NAMED:,} more" if len(accounts) > FIRST_NAMED else ""
        said.append(
            f"{counted(len(accounts), 'account')} {side}" + (f": {named}{rest}" if accounts else "")
        )
    return said


def _what_to_do(action: str, version: str, champion: str, by: str | None) -> list[str]:
    if action == "promote":
        return [f"Made live by {by or 'the policy'}. `pql rollback` takes it back to {champion}."]
    approve = f"`pql promote {version} --by NAME --why REASON`"
    if action == "ask":
        return [f"Approve: {approve}.", f"Reject: do nothing, {champion} goes on judging."]
    return [f"Nothing needs doing. Whoever wants it all the same: {approve}."]
