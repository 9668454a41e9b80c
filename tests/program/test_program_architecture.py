"""The program file of the architecture, word for word: it must load."""

from datetime import timedelta
from decimal import Decimal

from pql_platform.program.load import load_programs

SECTION_5 = """\
program: boards                    # unique; one per product or business unit and motion
motion: new_business               # or expansion (paying accounts only)
owners: {process: growth@, signals: product@, response: sales@}
conversion: {event: Subscription Started, horizon_days: 30}
value_metric: boards created
accounts: {from: [group, email_domain]}
aha: {event: Board Shared, at_least: 2, within_days: 14, validated_by: "8 interviews, 2026-09"}
signals:                           # 3-5 is enough
  - name: boards_created
    category: usage_depth          # usage_depth | frequency | feature_adoption | viral
    event: Board Created           # or any_of: [...]; where: {plan: free}; a page view is "page:Name"
    measure: count                 # count | ever | distinct_days | sessions | streak_days | days_since_last | minutes_per_session | distinct_users | sum:PROPERTY | growth
    window_days: 14
    threshold: 3                   # full points here
    says: "created {value} boards in the last {window_days} days"
    speakable: true                # may appear in the first message
compounds:
  - {name: team_project, all: {boards_created: 3, invites: 2, sessions: 5}, points: 10}
weights: {usage_depth: 35, frequency: 25, feature_adoption: 25, viral: 15}
negative: [{name: student, when: email_domain in @education, points: -20}]
fit: {exclude: [competitors, students, staff], require: {employees: ">= 50"}, tier_by: employees}
threshold: {top_share: 0.12, capacity_per_day: 40, enter: auto, leave_margin: 5, cooldown_days: 14}
account_rule: {users_over_threshold: 3}
half_life_days: 7
tiers:
  - {tier: 1, when: {score_at_least: 80, segment: enterprise}, contact_within: 2h, escalate_to: manager}
  - {tier: 2, when: {score_at_least: 65}, contact_within: 24h}
  - {tier: 3, otherwise: true, nurture: trial-tips}
routing: [{segment: enterprise, region: EMEA, owner: ae.emea}, {otherwise: true, owner: inside-sales}]
playbooks: {user: product_specialist, account: ae_call, tier3: nurture}
rollout: {stage: live}             # shadow | pilot | live, with who and when
"""  # noqa: E501  (word for word)


def test_the_program_of_the_architecture_loads_as_it_is_written(program_file):
    (loaded,) = load_programs(program_file(SECTION_5))
    program = loaded.program
    assert loaded.name == "boards"
    assert program.accounts.from_ == ("group", "email_domain")
    assert program.aha is not None
    assert program.aha.events == ("Board Shared",)
    assert program.signals[0].events == ("Board Created",)
    assert program.max_points == {"boards_created": Decimal(35)}
    assert program.negative[0].when.list_name == "education"
    assert program.fit.require["employees"].bare == ">= 50"
    assert [tier.contact_within for tier in program.tiers] == [
        timedelta(hours=2),
        timedelta(hours=24),
        None,
    ]
    assert program.threshold.enter == "auto"
    assert program.threshold.top_share == Decimal("0.12")
    assert program.rollout.stage == "live"
    assert [name for name, _ in program.segment_rules] == ["enterprise", "mid_market", "smb"]
    assert program.playbook("account", 1) == ("ae_call",)
    assert program.playbook("user", 3) == ("nurture",)


def test_its_compound_of_signals_still_to_come_is_warned_about_and_earns_nothing(program_file):
    (loaded,) = load_programs(program_file(SECTION_5))
    assert loaded.program.reachable_compounds == ()
    assert (
        "team_project can never be reached: no signal is called invites, sessions"
        in loaded.warnings
    )
