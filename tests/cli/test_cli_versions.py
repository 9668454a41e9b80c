"""`pql versions`, `pql promote` and `pql rollback`: what they print, and what they refuse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pql_platform.ledger.engine import open_ledger
from pql_platform.program.load import load_programs
from pql_platform.qualify.calibrated_versions import record_calibrated
from pql_platform.settings import Settings, load_settings

DECIDED = ("--by", "ana", "--why", "backtest [q1]")


@pytest.fixture
def calibrated(today: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The company with a calibrated version that is not live yet."""
    folder = tmp_path / "programs"
    folder.mkdir()
    shutil.copy(today.programs, folder / "boards.yaml")
    monkeypatch.setenv("PQL_PROGRAMS", str(folder))
    [file] = load_programs(folder)
    engine = open_ledger(today.ledger_url)
    now = datetime.now(UTC)
    with engine.begin() as conn:
        record_calibrated(
            conn,
            file.program,
            weights={**file.program.weights, "viral": Decimal(20), "usage_depth": Decimal(30)},
            points={
                "boards_created": Decimal("20.25"),
                "integrations": Decimal("9.75"),
                "invites": Decimal(20),
            },
            enter_account=Decimal("58.5"),
            enter_user=Decimal(52),
            population=100,
            qualified_share=Decimal("0.11"),
            evidence={"backtest": {"roc_auc": 0.84}},
            data_from=now - timedelta(days=90),
            data_to=now,
            created_at=now,
            created_by="calibration",
            reason="first quarter",
        )
    engine.dispose()
    return load_settings()


def rows_of(pql: Callable[..., Any], *options: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in pql("versions", *options, "--json").json}


def test_each_version_is_listed_with_who_made_it_who_approved_it_and_what_it_says(
    calibrated: Settings, pql: Callable[..., Any]
) -> None:
    before = rows_of(pql)
    assert list(before) == ["boards-v1", "boards-v2"]
    assert [before[name]["live"] for name in before] == [True, False]
    new = before["boards-v2"]
    assert (new["author"], new["approver"], new["since"]) == ("calibration", None, None)
    assert (new["account_threshold"], new["user_threshold"]) == (58.5, 52)
    assert new["weights"] == {
        "usage_depth": 30,
        "frequency": 25,
        "feature_adoption": 25,
        "viral": 20,
    }
    assert new["points"]["boards_created"] == 20.25
    assert new["evidence"] == {"backtest": {"roc_auc": 0.84}}
    assert before["boards-v1"]["weights"]["usage_depth"] == 35
    assert (before["boards-v1"]["calibrated"], new["calibrated"]) == (False, True)
    assert pql("promote", "boards-v2", *DECIDED).code == 0
    after = rows_of(pql, "--program", "boards")
    assert [after[name]["live"] for name in after] == [False, True]
    assert (after["boards-v2"]["approver"], after["boards-v2"]["approval"]) == (
        "ana",
        "backtest [q1]",
    )
    assert after["boards-v2"]["since"] is not None
    shown = " ".join(pql("versions").out.split())
    for said in (
        "boards-v1 was live from ",
        "boards-v2 live since ",
        "approved by ana: backtest [q1]",
        "made by calibration: first quarter",
        "accounts from 58.5, users from 52, usage_depth 30, frequency 25,",
    ):
        assert said in shown


def test_promote_and_rollback_say_which_version_took_the_place_of_which(
    calibrated: Settings, pql: Callable[..., Any]
) -> None:
    assert pql("promote", "boards-v2", *DECIDED, "--json").json == {
        "version": "boards-v2",
        "previous": "boards-v1",
    }
    assert (calibrated.programs / "versions" / "boards-v2.json").exists()
    said = pql("rollback", *DECIDED).out
    assert said.split() == (
        "boards-v1 is live in the place of boards-v2, and judges from the next pass on.".split()
    )
    assert pql("rollback", "--program", "boards", *DECIDED, "--json").json == {
        "version": "boards-v2",
        "previous": "boards-v1",
    }


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("promote", "boards-v3", *DECIDED), "no version boards-v3", "`boards-v2`"),
        (("promote", "boards-v1", *DECIDED), "boards-v1 is live already", "pql versions"),
        (("promote", "boards-v2", "--by", " ", "--why", "x"), "who and why", "--by"),
        (("rollback", *DECIDED), "judged otherwise before boards-v1", "pql versions"),
        (("rollback", "--program", "board", *DECIDED), "No version of board", "`boards`"),
        (("versions", "--program", "board"), "no version of a program board", "`boards`"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(
    calibrated: Settings,
    pql: Callable[..., Any],
    arguments: tuple[str, ...],
    message: str,
    hint: str,
) -> None:
    answer = pql(*arguments)
    assert (answer.code, answer.out) == (1, "")
    assert message in answer.err
    assert hint in answer.err
    assert [row["live"] for row in rows_of(pql).values()] == [True, False]


def test_of_a_new_installation_there_is_nothing_to_list(
    new_home: Settings, pql: Callable[..., Any]
) -> None:
    assert new_home == load_settings()
    assert pql("versions", "--json").json == []
    assert "There is no version yet" in pql("versions").out
