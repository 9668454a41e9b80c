"""A changed definition rebuilds the models that read it, and nothing else does."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pql_platform.program.load import load_program
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.definition import (
    compile_definition,
    compile_variables,
    definition_digest,
)
from pql_platform.warehouse.manifest import load_manifest, render_manifest

NASTY = "x' OR 1=1; DROP TABLE staging.events; -- @definition {{ x }} \" $1 ?"

READ_BEHAVIOURS = {"features.sessions", "features.signal_days"}


def edited(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The unit program with pieces of its text replaced."""
    text = UNIT_PROGRAM.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "edited.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_another_event_changes_the_models_that_read_it_and_stays_a_name(
    deployed, tmp_path, kit
) -> None:
    quoted = NASTY.replace("\\", "\\\\").replace('"', '\\"')
    programs = edited(
        tmp_path, ("any_of: [Board Created, Board Copied]", f'any_of: ["{quoted}", Board Copied]')
    )
    before = {model.name: model for model in load_manifest(deployed)}
    after = {model.name: model for model in render_manifest(kit.settings_of(tmp_path, programs))}
    changed = {name for name in before if before[name].fingerprint != after[name].fingerprint}
    assert changed == READ_BEHAVIOURS
    assert before["features.signals"].query == after["features.signals"].query

    with kit.raw_tables(datetime.fromisoformat("2026-03-02")) as connection:
        connection.execute("INSERT INTO raw.links VALUES (1, 'ann', NULL, NULL, 'acme')")
        connection.execute(
            "INSERT INTO raw.events SELECT event, 'track', event, 1, TIMESTAMP '2026-03-01',"
            " TIMESTAMP '2026-03-01', '{}', '{}'"
            " FROM (SELECT UNNEST([$nasty, 'x', 'Board Copied']) AS event)",
            {"nasty": NASTY},
        )
        kit.compute(connection, after.values(), "features.signal_days")
        found = connection.execute("FROM features.signal_days").df()
    assert found.loc[found.signal == "made", "occurrences"].tolist() == [2]
    assert not found.signal.isin(["days", "visits"]).any()


CHANGES = {
    "identity": ("from: [group, email_domain]", "from: [email_domain]"),
    "behaviours": ("draft: [false, 0]", "draft: [false, 1]"),
    "windows": ("window_days: 30\n    threshold: 1", "window_days: 14\n    threshold: 1"),
    "facts": ('employees: ">= 50"', 'employees: ">= 60"'),
    "weights": ("spread_points: 10", "spread_points: 20"),
}


@pytest.mark.parametrize("part", CHANGES)
def test_a_change_is_seen_by_the_models_that_read_its_part_and_by_no_other(part, tmp_path) -> None:
    before = load_program(UNIT_PROGRAM).program
    after = load_program(edited(tmp_path, CHANGES[part])).program
    old, new = compile_variables([before]), compile_variables([after])
    assert [name for name in old if old[name] != new[name]] == [part]
    assert definition_digest(before) != definition_digest(after)


def test_what_a_reason_is_worth_leaves_every_feature_as_it_is(deployed, tmp_path, kit) -> None:
    programs = edited(tmp_path, CHANGES["weights"])
    before = {model.name: model for model in load_manifest(deployed)}
    after = {model.name: model for model in render_manifest(kit.settings_of(tmp_path, programs))}
    changed = {name for name in before if before[name].fingerprint != after[name].fingerprint}
    assert changed == {"scores.contributions"}


def test_who_answers_and_what_is_said_changes_no_number(deployed, tmp_path) -> None:
    programs = edited(
        tmp_path,
        ("process@", "someone.else@"),
        ("owner: sales", "owner: other-sales"),
        ('says: "made {value} boards"', 'says: "built {value} boards"'),
        ("escalate_to: manager", "escalate_to: director"),
        ("value_metric: boards created", "value_metric: boards"),
        ("top_share: 0.12", "top_share: 0.2"),
    )
    before, after = (load_program(path).program for path in (UNIT_PROGRAM, programs))
    assert compile_definition([after]) == compile_definition([before])
    assert definition_digest(after) == definition_digest(before)
    # So the manifest, fingerprints included, is the one that was rendered for the deployment.
    cached = {path.name for path in (deployed.home / "manifest").iterdir()}
    assert load_manifest(deployed.model_copy(update={"programs": programs})) == load_manifest(
        deployed
    )
    assert {path.name for path in (deployed.home / "manifest").iterdir()} == cached


def test_the_order_of_program_files_changes_nothing(tmp_path) -> None:
    first = load_program(UNIT_PROGRAM).program
    second = load_program(edited(tmp_path, ("program: unit", "program: another"))).program
    assert compile_definition([first, second]) == compile_definition([second, first])
    assert definition_digest(first) != definition_digest(second)
