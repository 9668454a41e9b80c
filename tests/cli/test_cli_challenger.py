"""`pql challenger`: from a file to who would be called with it, and away again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pql_platform.cli.challenger import challenger
from pql_platform.errors import PqlError
from pql_platform.settings import Settings

WEIGHTS = "weights: {usage_depth: 35, frequency: 25, feature_adoption: 25, viral: 15}"
OTHER_WEIGHTS = "weights: {usage_depth: 10, frequency: 10, feature_adoption: 20, viral: 60}"


def run(*arguments: str | Path) -> Any:
    app = typer.Typer()
    app.command()(challenger)
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=True)
    if isinstance(result.exception, PqlError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_a_challenger_is_planned_compared_listed_and_dropped(
    today: Settings, tmp_path: Path
) -> None:
    text = today.programs.read_text(encoding="utf-8")
    assert WEIGHTS in text
    other = tmp_path / "bolder.yaml"
    other.write_text(text.replace(WEIGHTS, OTHER_WEIGHTS), encoding="utf-8")

    answer = json.loads(run(other, "--name", "bolder", "--json").stdout)
    assert answer["recomputed"] == ["scores.contributions", "scores.composites"]
    assert "features.signal_days" in answer["shared"]
    assert answer["subjects"] > answer["differing"] > 0
    assert answer["gained"] + answer["lost"] > 0
    assert len(answer["first_gained"]) <= answer["gained"]

    said = run("--name", "bolder").stdout
    assert f"{answer['gained']:,} gained, {answer['lost']:,} lost" in " ".join(said.split())
    assert json.loads(run("--json").stdout) == ["bolder"]
    run("--name", "bolder", "--drop")
    assert json.loads(run("--json").stdout) == []


def test_a_file_without_a_name_is_refused(today: Settings) -> None:
    with pytest.raises(PqlError, match="needs a name"):
        run(today.programs)
