"""A challenger is computed beside production, shares what it can, and is told apart from it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pql_platform.errors import PqlError
from pql_platform.warehouse.building import build
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.connection import open_warehouse, warehouse_lock
from pql_platform.warehouse.environments import challengers, drop_challenger, plan_challenger
from pql_platform.warehouse.project import open_context
from pql_platform.warehouse.rescoring import rescore
from pql_platform.warehouse.score_differences import difference

PROGRAM = UNIT_PROGRAM.read_text(encoding="utf-8")
WEIGHTS = "weights: {usage_depth: 40, frequency: 24, feature_adoption: 20, viral: 16}"
OTHER_WEIGHTS = "weights: {usage_depth: 10, frequency: 24, feature_adoption: 20, viral: 46}"


def program(folder: Path, *changes: tuple[str, str]) -> Path:
    text = PROGRAM
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "challenger.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def fingerprints(settings, environment: str) -> dict[str, tuple[str, str]]:
    """Fingerprint and physical table of every model as an environment sees it."""
    with warehouse_lock(settings.home):
        context = open_context(settings)
        found = context.state_reader.get_environment(environment)
        shown = {snapshot.name: snapshot for snapshot in found.snapshots}
        full = context.state_reader.get_snapshots(found.snapshots)
        context.close()
    return {
        snapshot.model.name: (
            snapshot.fingerprint.data_hash,
            shown[snapshot.name].table_name(),
        )
        for snapshot in full.values()
        if snapshot.is_model and not snapshot.model.kind.is_external
    }


def bring_up_to_date(settings, kit, rows, name: str) -> None:
    """What a live pass does with new messages."""
    kit.put(settings, rows, name)
    with open_warehouse(settings) as connection:
        kit.load(connection, settings)
        rescore(connection, kit.NOW)


@pytest.fixture
def production(warehouse, kit, small_world):
    """The unit program deployed over a small world, brought up to date by a live pass."""
    bring_up_to_date(warehouse, kit, small_world, "world.parquet")
    return warehouse


@pytest.fixture(scope="module")
def challenged(copied, kit, small_world, tmp_path_factory):
    """Production, what it scored, and a challenger of it that weighs sharing more."""
    settings = copied()
    bring_up_to_date(settings, kit, small_world, "world.parquet")
    before = scores(settings, kit, "scores")
    other = program(tmp_path_factory.mktemp("challenger"), (WEIGHTS, OTHER_WEIGHTS))
    return settings, before, plan_challenger(settings, other, "bolder_viral")


def scores(settings, kit, schema: str) -> dict[tuple[str, str], Decimal]:
    query = f"SELECT level, subject_id, score FROM {schema}.composites"  # noqa: S608
    with open_warehouse(settings) as connection:
        return {(level, subject): score for level, subject, score in kit.rows(connection, query)}


def test_a_challenger_of_other_weights_computes_scores_and_shares_every_roll_up(
    challenged, kit
) -> None:
    settings, before, challenger = challenged
    ours, theirs = (fingerprints(settings, name) for name in ("prod", "bolder_viral"))
    recomputed = {model for model in ours if ours[model] != theirs[model]}
    assert recomputed == {*challenger.recomputed} == {"scores.contributions", "scores.composites"}
    assert {*challenger.shared} == ours.keys() - recomputed
    assert len(challenger.shared) > 10

    assert challenger.as_of == kit.NOW
    assert challenger.tables["scores.composites"] == "scores__bolder_viral.composites"
    assert challenger.tables["staging.users"] == "staging.users"
    assert scores(settings, kit, "scores__bolder_viral").keys() == before.keys()
    assert challengers(settings) == ("bolder_viral",)


def test_a_difference_names_who_would_be_gained_and_lost_at_the_instant_of_the_challenger(
    challenged, kit
) -> None:
    settings, before, _ = challenged
    after = scores(settings, kit, "scores__bolder_viral")
    changed = {subject for subject in before if before[subject] != after[subject]}
    # A live pass changes production, and not the comparison.
    late = kit.message("late", kit.NOW, event="Board Created", user_id="ann")
    bring_up_to_date(settings, kit, [late], "late.parquet")
    assert scores(settings, kit, "scores") != before

    thresholds = {("unit", "account"): after["account", "acme"], ("unit", "user"): Decimal(4)}
    found = difference(settings, "bolder_viral", thresholds)
    assert (found.as_of, found.subjects) == (kit.NOW, len(before))
    assert found.differing == len(changed) > 0
    assert {(one.level, one.subject_id) for one in found.largest} == changed
    assert all(
        (one.production, one.challenger)
        == (before[one.level, one.subject_id], after[one.level, one.subject_id])
        for one in found.largest
    )
    assert [(one.level, one.subject_id) for one in found.first_gained] == [("account", "acme")]
    assert [(one.level, one.subject_id) for one in found.first_lost] == [("user", "bob")]
    assert (found.gained, found.lost) == (1, 1)
    assert difference(settings, "bolder_viral", {}).lost == 0


def test_a_challenger_planned_again_is_as_production_would_be_with_its_definition(
    production, kit, tmp_path
) -> None:
    other = program(tmp_path, ("half_life_days: 7", "half_life_days: 3"))
    plan_challenger(production, other, "rival")
    late = kit.message("late", kit.NOW, event="Board Created", user_id="ann")
    bring_up_to_date(production, kit, [late], "late.parquet")
    stale = scores(production, kit, "scores__rival")
    plan_challenger(production, other, "rival")
    fresh = scores(production, kit, "scores__rival")
    assert fresh != stale

    promoted = production.model_copy(update={"programs": other})
    build(promoted, kit.NOW)
    assert scores(promoted, kit, "scores") == fresh


def test_a_dropped_challenger_leaves_production_and_no_table_behind(
    production, kit, tmp_path
) -> None:
    def schema_and_tables() -> list[tuple[str, str]]:
        query = (
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_catalog = 'warehouse' ORDER BY ALL"
        )
        with open_warehouse(production) as connection:
            return kit.rows(connection, query)

    before, there = scores(production, kit, "scores"), schema_and_tables()
    plan_challenger(production, program(tmp_path, (WEIGHTS, OTHER_WEIGHTS)), "rival")
    assert schema_and_tables() != there
    drop_challenger(production, "rival")
    assert schema_and_tables() == there
    assert scores(production, kit, "scores") == before
    assert challengers(production) == ()
    with pytest.raises(PqlError, match="There is no challenger rival"):
        difference(production, "rival", {})
    with pytest.raises(PqlError, match="There is no challenger rival"):
        drop_challenger(production, "rival")


def test_a_challenger_that_changes_no_number_is_refused(warehouse, tmp_path) -> None:
    with pytest.raises(PqlError, match="exactly what production does"):
        plan_challenger(warehouse, program(tmp_path, ("process@", "someone.else@")), "same")


def test_a_refused_program_is_named_as_it_was_given(warehouse, tmp_path) -> None:
    with pytest.raises(PqlError) as refused:
        plan_challenger(warehouse, program(tmp_path, ("measure: ever", "measure: never")), "broken")
    assert "challenger.yaml" in str(refused.value)
    assert challengers(warehouse) == ()


def test_a_second_program_is_added_and_one_of_the_same_name_replaced(
    production, kit, tmp_path
) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    second = PROGRAM.replace("program: unit", "program: another")
    (folder / "second.yaml").write_text(second, encoding="utf-8")
    plan_challenger(production, folder, "two")
    with open_warehouse(production) as connection:
        [(alike, differ)] = kit.rows(
            connection,
            "SELECT COUNT(*) FILTER (ours.score = theirs.score), COUNT(*) FILTER"
            " (ours.score <> theirs.score) FROM scores.composites AS ours INNER JOIN"
            " scores__two.composites AS theirs USING (level, subject_id)",
        )
    assert (alike, differ) == (2 * len(scores(production, kit, "scores")), 0)


@pytest.mark.parametrize("name", ["prod", "Rival", "1st", "a-b", "a b", "x" * 32, "", "a;--"])
def test_a_name_that_could_mean_something_else_is_refused(name, deployed) -> None:
    for use in (
        lambda: plan_challenger(deployed, UNIT_PROGRAM, name),
        lambda: difference(deployed, name, {}),
        lambda: drop_challenger(deployed, name),
    ):
        with pytest.raises(PqlError, match="is no name for a challenger"):
            use()


def test_without_a_deployment_there_is_nothing_to_challenge(tmp_path, kit) -> None:
    settings = kit.settings_of(tmp_path / "home")
    with pytest.raises(PqlError, match="Nothing is deployed yet"):
        plan_challenger(settings, UNIT_PROGRAM, "early")
