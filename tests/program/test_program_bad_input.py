"""What YAML and people can put into a file: refused with line and hint, or taken as documented."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pql_platform.errors import PqlError
from pql_platform.program.load import digest, load_program, load_programs
from pql_platform.program.schema import Program
from pql_platform.program.source import read_source

EVENT = "    event: Board Created\n"
NOT_A_NUMBER = (".inf", "-.inf", "-1e400", "9" * 400, "0x" + "f" * 6000)
NUMBERS = [
    ("threshold: 3", "threshold: {}", "signals[0].threshold"),
    ("window_days: 14", "window_days: {}", "signals[0].window_days"),
    ("at_least: 1", "at_least: {}", "aha.at_least"),
    ("within_days: 14", "within_days: {}", "aha.within_days"),
    ("horizon_days: 30", "horizon_days: {}", "conversion.horizon_days"),
    ("boards_created: 3, inv", "boards_created: {}, inv", "compounds[0].all.boards_created"),
    ("points: 10", "points: {}", "compounds[0].points"),
    ("points: -20", "points: {}", "negative[0].points"),
    ("usage_depth: 35", "usage_depth: {}", "weights.usage_depth"),
    ("half_life_days: 7", "half_life_days: {}", "half_life_days"),
    ("top_share: 0.12", "top_share: {}", "threshold.top_share"),
    ("capacity_per_day: 40", "capacity_per_day: {}", "threshold.capacity_per_day"),
    ("enter: auto", "enter: {}", "threshold.enter"),
    ("leave_margin: 5", "leave_margin: {}", "threshold.leave_margin"),
    ("cooldown_days: 14", "cooldown_days: {}", "threshold.cooldown_days"),
    ("users_over_threshold: 3", "users_over_threshold: {}", "account_rule.users_over_threshold"),
    ("users_over_threshold: 3", "spread_users: {}", "account_rule.spread_users"),
    ("users_over_threshold: 3", "spread_points: {}", "account_rule.spread_points"),
    ("users_over_threshold: 3", "single_user_cap: {}", "account_rule.single_user_cap"),
    ("score_at_least: 65", "score_at_least: {}", "tiers[1].when.score_at_least"),
    ("{tier: 2", "{{tier: {}", "tiers[1].tier"),
    ("stage: live", "stage: live, sample: {}", "rollout.sample"),
    ("on: 2026-09-15", "on: {}", "rollout.on"),
    (EVENT, EVENT + "    where: {{size: {}}}\n", "signals[0].where.size"),
    (EVENT, EVENT + "    where: {{size: [1, {}]}}\n", "signals[0].where.size[1]"),
    ("fit: {", "fit: {{require: {{employees: {}}}, ", "fit.require.employees"),
    ("fit: {", "fit: {{require: {{country: [de, {}]}}, ", "fit.require.country[1]"),
    ('enterprise: ">= 500"', "enterprise: {}", "segments.enterprise"),
]
NASTY = [
    # (old, new, field, message, hint)
    # YAML
    ("# yaml-language-server", "%YAML 1.1\n---\n#", None, "directives", "Remove"),
    ("# yaml-language-server", "%TAG ! tag:x,2000:\n---\n#", None, "directives", "Remove"),
    ("speakable: true", "speakable: !!bool maybe", "signals[0].speakable", "tag", "Remove"),
    ("half_life_days: 7", "half_life_days: !!float ''", "half_life_days", "tag", "Remove"),
    ("window_days: 14", "window_days: !!int '14'", "signals[0].window_days", "tag", "Remove"),
    ("program: boards", "program: !!str 12", "program", "tag", "Remove"),
    ("on: 2026-09-15", "on: !!timestamp x", "rollout.on", "tag", "Remove"),
    ("[group, email_domain]", "!!seq x", "accounts.from", "tag", "Remove"),
    ("fit: {", "fit: !!set {", "fit", "tag", "Remove"),
    ("program: boards", "program: !<a%0Ab> boards", "program", "the tag a b", "Remove"),
    ("value_metric: boards", "value_metric: *boards", None, "undefined alias", "this line"),
    ("value_metric: boards", "value_metric: *" + "x" * 3000, None, "undefined alias", "this line"),
    ("owners: {", "owners: {<<: {a: b}, ", "owners", "not text", "quotes"),
    ("links:", "? [a]\n: 1\nlinks:", None, "not text", "quotes"),
    ("links:", '"half_life_days": 1\nlinks:', "half_life_days", "already on line", "Keep one"),
    ("links:", '"a\\nb": 1\nlinks:', None, "invisible", "Remove"),
    ("links:", '"\\ud800": 1\nlinks:', None, "invisible", "Remove"),
    ("links:", '"": 1\nlinks:', None, "unknown key", "program"),
    ("half_life_days:", '"half_l\\u0456fe_days":', "half_l\u0456fe_days", "unknown key",
     "half_life_days"),
    # values of the wrong kind
    ("program: boards", 'program: ""', "program", "lower-case letter", "Write it like"),
    ("program: boards", "program:", "program", "is empty", "Write a value"),
    ("value_metric: boards created", 'value_metric: ""', "value_metric", "at least 1", "Write"),
    ("value_metric: boards created", 'value_metric: "\\ud800"', "value_metric", "half a", "Remove"),
    ("value_metric: boards created", 'value_metric: "a\\nb"', "value_metric", "control", "Remove"),
    ("speakable: true", "speakable: no", "signals[0].speakable", "true or false", "quotes"),
    ("window_days: 14", "window_days: -14", "signals[0].window_days", "equal to 1", "1 or more"),
    ("window_days: 14", "window_days: 731", "signals[0].window_days", "365", "365 or less"),
    ("window_days: 14", "window_days: '14'", "signals[0].window_days", "whole number", "quotes"),
    ("window_days: 14", "window_days: 14.0", "signals[0].window_days", "whole number", "decimals"),
    ("window_days: 14", "window_days: 1:30", "signals[0].window_days", "whole number", "digits"),
    ("window_days: 14", "window_days: true", "signals[0].window_days", "whole number", "digits"),
    ("threshold: 3", "threshold: -0.0", "signals[0].threshold", "greater than 0", "more than 0"),
    ("threshold: 3", "threshold: 1e-400", "signals[0].threshold", "greater than 0", "more than 0"),
    ("half_life_days: 7", "half_life_days: 0.2", "half_life_days", "0.25", "0.25 or more"),
    ("points: -20", "points: -0.0", "negative[0].points", "less than 0", "less than 0"),
    ("on: 2026-09-15", "on: 20260915", "rollout.on", "not a day", "2026-09-15"),
    ("on: 2026-09-15", "on: 0", "rollout.on", "not a day", "2026-09-15"),
    ("on: 2026-09-15", "on: 2026-09-15T10:00:00Z", "rollout.on", "not a day", "2026-09-15"),
    ("on: 2026-09-15", "on: soon", "rollout.on", "a day", "2026-09-15"),
    ("{value} boards", "{{value}} boards", "signals[0].says", "doubled braces", "{value}"),
    ("{value} boards", "{} boards", "signals[0].says", "placeholder", "{value}"),
    ("{boards_created: 3, invites: 2, sessions: 5}", "{boards_created: 3}", "compounds[0].all",
     "has 1 entries, not at least 2", "at least 2"),
    ("[rivalboards.com", "['a." + "a" * 50_000 + "!'", "lists.competitors[0]", "domain", "example"),
    # measures
    ("measure: count", "measure: Count", "signals[0].measure", "not a measure", "`count`"),
    ("measure: count", "measure: c\u043eunt", "signals[0].measure", "not a measure", "`count`"),
    ("measure: count", "measure: sum", "signals[0].measure", "not a measure", "sum:PROPERTY"),
    ("measure: count", "measure: [count]", "signals[0].measure", "text", "quotes"),
    ("measure: count", "measure:", "signals[0].measure", "is empty", "Write a value"),
    ("measure: count", "measure: 'sum: total'", "signals[0].measure", "property name", "plan.name"),
    ("measure: count", "measure: 'sum:a..b'", "signals[0].measure", "property name", "plan.name"),
    ("measure: count", "measure: 'sum:\"a.b\".c'", "signals[0].measure", "property name", "plan"),
    ("measure: count", "measure: sum:$.total", "signals[0].measure", "JSON path", "names"),
    ("measure: count", "measure: sum:" + "a" * 201, "signals[0].measure", "property name", "plan"),
    # properties
    (EVENT, EVENT + "    where: plan\n", "signals[0].where", "mapping", "{key: value}"),
    (EVENT, EVENT + "    where:\n", "signals[0].where", "is empty", "Write a value"),
    (EVENT, EVENT + "    where: {plan: {name: free}}\n", "signals[0].where.plan", "is a mapping",
     "NAME.name"),
    (EVENT, EVENT + "    where: {plan: [a, null]}\n", "signals[0].where.plan", "None", "quotes"),
    (EVENT, EVENT + "    where: {plan: [[a]]}\n", "signals[0].where.plan", "['a']", "quotes"),
    (EVENT, EVENT + "    where: {on: 2026-01-01}\n", "signals[0].where.on", "date", "quotes"),
    (EVENT, EVENT + '    where: {plan: "fr\\u200bee"}\n', "signals[0].where.plan", "invisible", ""),
    (EVENT, EVENT + '    where: {plan: "\\0"}\n', "signals[0].where.plan", "invisible", "Remove"),
    (EVENT, EVENT + "    where: {size: 1e22}\n", "signals[0].where.size", "no exact", "digits"),
    (EVENT, EVENT + "    where: {'': x}\n", "signals[0].where.", "property name", "plan.name"),
    (EVENT, EVENT + "    where: {.a: x}\n", "signals[0].where..a", "property name", "plan.name"),
    (EVENT, EVENT + "    where: {'a ': x}\n", "signals[0].where.a ", "property name", "plan.name"),
    (EVENT, EVENT + "    where: {'a[0]': x}\n", "signals[0].where.a[0]", "property name", "plan"),
    (EVENT, EVENT + "    where: {'a\"b': x}\n", 'signals[0].where.a"b', "property name", "plan"),
    (EVENT, EVENT + "    where: {$.a: x}\n", "signals[0].where.$.a", "JSON path", "names"),
    (EVENT, EVENT + "    where: {pl\u0430n: x}\n", "signals[0].where.pl\u0430n", "property name",
     "plan.name"),
    # conditions
    ("fit: {", "fit: {require: {country: [true]}, ", "fit.require.country", "True", ">= 50"),
    ("fit: {", "fit: {require: {country: [null]}, ", "fit.require.country", "None", ">= 50"),
    ("fit: {", "fit: {require: {country: [{a: 1}]}, ", "fit.require.country", "'a'", ">= 50"),
    ("fit: {", "fit: {require: {employees: '>= -5'}, ", "fit.require.employees", "negative", "0"),
    ("fit: {", "fit: {require: {email_domain: '@education'}, ", "fit.require.email_domain",
     "not a condition", "in @list"),
    ("fit: {", "fit: {require: {country: '[de, fr]'}, ", "fit.require.country", "not a condition",
     "in [one, two]"),
    ("fit: {", "fit: {require: {plan: '~ free'}, ", "fit.require.plan", "not a condition", "=="),
    ("fit: {", "fit: {require: {plan: '*'}, ", "fit.require.plan", "not a condition", "=="),
    ("fit: {", 'fit: {require: {plan: "fr\\u200bee"}, ', "fit.require.plan", "invisible", "Remove"),
    ("fit: {", "fit: {require: {fundin: seed}, ", "fit.require.fundin", "no field", "`funding`"),
    ("when: email_domain in @education", "when: {users: 1}", "negative[0].when", "not a condition",
     "users == 1"),
    ("when: email_domain in @education", "when: 'users < -1'", "negative[0].when", "negative", "0"),
    ("when: email_domain in @education", "when: 'users > \u0661'", "negative[0].when", "number",
     "50"),
    ("when: email_domain in @education", "when: 'country in [a,,b]'", "negative[0].when",
     "not a list", "one"),
    ("when: email_domain in @education", "when: \"country in ['a' 'b']\"", "negative[0].when",
     "not a list", "one"),
    ("when: email_domain in @education", 'when: "plan == \'\\0\'"', "negative[0].when", "invisible",
     "Remove"),
    ("when: email_domain in @education", "when: 'country in [" + "a," * 9000 + "]'",
     "negative[0].when", "longer than 10,000", "list"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "message", "hint"), NASTY)
def test_bad_input_is_refused_where_it_stands_with_what_to_write(
    edited, boards_text, old, new, field, message, hint
):
    with pytest.raises(PqlError) as refused:
        edited((old, new))
    error = refused.value
    assert error.field == field
    assert message in error.message
    assert hint in error.hint
    assert error.hint
    assert len(str(error)) < 900
    assert str(error).isprintable()
    place = boards_text.index(old)
    first = boards_text[:place].count("\n") + 1
    assert error.line is not None
    assert first <= error.line <= first + new.count("\n")


@pytest.mark.parametrize(
    ("old", "new", "field", "number"),
    [(*case, number) for case in NUMBERS for number in (".nan", "1e400")]
    + [(*NUMBERS[0], number) for number in NOT_A_NUMBER],
)
def test_a_number_without_a_finite_value_is_refused_wherever_it_stands(
    edited, boards_text, old, new, field, number
):
    with pytest.raises(PqlError, match="is out of range") as refused:
        edited((old, new.format(number)))
    error = refused.value
    assert error.field == field
    assert error.hint
    last = field.rpartition(".")[2].partition("[")[0]
    assert last in boards_text.replace(old, new, 1).splitlines()[(error.line or 0) - 1]


@pytest.mark.parametrize(
    ("written", "kept"),
    [("014", 14), ("0o16", 14), ("0x0e", 14), ("+14", 14), ("1_4", 14)],
)
def test_whole_numbers_mean_what_yaml_1_2_says(edited, written, kept):
    loaded = edited(("window_days: 14", f"window_days: {written}"))
    assert loaded.program.signals[0].window_days == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [("1.0", 1), ("-0.0", 0), ("2.5", 2.5), ("yes", "yes"), ("true", True), ("'1.0'", "1.0")],
)
def test_a_property_value_is_kept_as_events_carry_it(edited, written, kept):
    where = edited((EVENT, EVENT + f"    where: {{size: {written}}}\n")).program.signals[0].where
    assert where["size"] == kept
    assert type(where["size"]) is type(kept)


@pytest.mark.parametrize("path", ["$browser", "plan name", "a.b.c", "utm-source", "0"])
def test_the_names_that_products_give_their_properties_are_taken(edited, path):
    loaded = edited((EVENT, EVENT + f"    where: {{'{path}': x}}\n"))
    assert loaded.program.signals[0].where == {path: "x"}
    loaded = edited(("measure: count", f"measure: 'sum:{path}'"))
    assert loaded.program.signals[0].sum_property == path


def test_line_endings_and_a_byte_order_mark_change_nothing(boards_text, program_file, edited):
    windows = "\ufeff" + boards_text.replace("\n", "\r\n")
    assert load_program(program_file(windows)).digest == edited().digest


def test_more_signals_than_quarter_points_are_refused_within_seconds(edited):
    one = (
        "  - {{name: s{}, category: viral, event: E, measure: ever, window_days: 3, threshold: 1, "
    )
    many = "".join((one + "says: x}}\n").format(number) for number in range(1000))
    started = time.monotonic()
    with pytest.raises(PqlError, match="has 1005 entries, not at most 400") as refused:
        edited(("signals:\n", "signals:\n" + many))
    assert refused.value.field == "signals"
    assert time.monotonic() - started < 30


def test_signals_beyond_the_quarters_of_their_category_are_named_in_a_warning(edited):
    one = (
        "  - {{name: s{}, category: viral, event: E, measure: ever, window_days: 3, threshold: 1, "
    )
    many = "".join((one + "says: x}}\n").format(number) for number in range(60))
    assert "invites earns no points: viral has weight 15 for 61 signals" in (
        edited(("signals:\n", "signals:\n" + many)).warnings
    )


def test_a_thousand_misspelt_keys_are_told_as_the_first_of_them(edited):
    started = time.monotonic()
    with pytest.raises(PqlError, match="unknown key") as refused:
        edited(("links:", "".join(f"k{number}: 1\n" for number in range(1000)) + "links:"))
    assert refused.value.field == "k0"
    assert time.monotonic() - started < 10


def test_a_program_file_with_the_other_ending_is_not_left_out_silently(tmp_path, boards_text):
    (tmp_path / "boards.yaml").write_text(boards_text)
    (tmp_path / "trials.yml").write_text(boards_text)
    with pytest.raises(PqlError, match="would be left out") as refused:
        load_programs(tmp_path)
    assert refused.value.hint == "Rename it to trials.yaml"
    assert refused.value.file == str(tmp_path / "trials.yml")


def test_whatever_loads_can_be_kept_as_json_and_read_back(edited):
    program = edited(
        (EVENT, EVENT + "    where: {a.b: [1.0, 2.5, true, x]}\n"),
        ("measure: count", "measure: distinct_users"),
        ("motion:", "plans: {trial: [Pro Trial], freemium: []}\nprofile: trial\nmotion:"),
        ("users_over_threshold: 3", "spread_points: 7.75, single_user_cap: 60.5"),
        ("fit: {", "fit: {require: {funding: [Seed, 'Series A']}, "),
    ).program
    kept = json.loads(json.dumps(program.model_dump(mode="json", by_alias=True)))
    again = Program.model_validate(kept)
    assert again == program
    assert digest(again) == digest(program)


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["in @education", "== nan", "otherwise", "auto", "{value}", "sum:a.b", "*.x.com"]
    ),
    st.lists(st.sampled_from(["a", 1, None, [], {}]), max_size=3),
    st.dictionaries(st.sampled_from(["a", "event", "when", ""]), st.integers(0, 3), max_size=2),
)


def places(data, loc=()):
    """All places of a file, from the top down."""
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in entries:
        yield (*loc, key)
        if isinstance(value, dict | list):
            yield from places(value, (*loc, key))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_value_anywhere_is_taken_and_kept_or_refused_in_one_line_with_a_hint(
    repository, program_file, data
):
    content = read_source(repository / "programs" / "boards.yaml").data
    *parents, last = data.draw(st.sampled_from(list(places(content))))
    around = content
    for key in parents:
        around = around[key]
    around[last] = data.draw(ODD_VALUES)
    # What JSON writes is YAML.
    path = program_file(json.dumps(content, default=str, ensure_ascii=False))
    try:
        program = load_program(path).program
    except PqlError as error:
        assert error.line is not None
        assert error.hint
        assert "\n" not in str(error)
    else:
        kept = json.loads(json.dumps(program.model_dump(mode="json", by_alias=True)))
        assert Program.model_validate(kept) == program
