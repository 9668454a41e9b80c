"""A program file that changes while the platform runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pql_platform.passes import run_job
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.connection import open_serving


def version_of(settings: Settings) -> set[str]:
    with open_serving(settings) as connection:
        rows = connection.execute("SELECT DISTINCT version FROM pql.tiers").fetchall()
    return {version for (version,) in rows}


def test_a_live_pass_rebuilds_a_changed_definition_before_it_judges(
    today: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert version_of(today) == {"boards-v1"}
    changed = tmp_path / "boards.yaml"
    original = today.programs.read_text(encoding="utf-8")
    changed.write_text(original.replace("half_life_days: 7", "half_life_days: 3"), encoding="utf-8")
    monkeypatch.setenv("PQL_PROGRAMS", str(changed))
    first = run_job(load_settings(), "live_pass", rebuild=False)
    second = run_job(load_settings(), "live_pass", rebuild=False)
    assert first.metadata["scores/composites"]["scope"] == "rebuilt with SQLMesh"
    assert second.metadata["scores/composites"]["scope"].startswith(("touched", "nothing"))
    assert version_of(today) == {"boards-v2"}
