"""What must be true of what goes out: the scores, and the hand-offs that follow from them.

Not repeated here is what a SQLMesh audit, a constraint of the ledger or a check on the alert path
already holds row by row. These promises are about distributions, about tables that must agree, and
about what happens to a hand-off with time.
"""

from __future__ import annotations

from expectations.promises import ONE_OF, PRESENT, Promise, Suite
from pql_platform.ledger.states import HANDOFF_STATES, PENDING

FINAL_STATES = tuple(state for state in HANDOFF_STATES if state != PENDING)

SCORES = Suite(
    name="scores",
    asset=("scores", "composites"),
    about="Scores still tell the interested from the rest.",
    row_names={"programs": ("program", "level"), "categories": ("program", "category")},
    promises=(
        Promise(
            "scores_tell_subjects_apart",
            "Fifty or more users or accounts with points have more than five different scores.",
            "programs",
            "different_scores",
            arguments={"min_value": 6},
            judged_from={"with_points": 50},
        ),
        Promise(
            "the_average_leaves_room",
            "The average score is at most 60; above it everybody would be interested.",
            "programs",
            "mean_score",
            arguments={"min_value": 0, "max_value": 60},
            judged_from={"subjects": 50},
        ),
        Promise(
            "the_top_is_not_crowded",
            "At most a fifth of all have the full 100 points; among equals there is no best.",
            "programs",
            "full_share",
            arguments={"max_value": 0.2},
            judged_from={"subjects": 50},
        ),
        Promise(
            "activity_earns_points",
            "Of the accounts active in the past two weeks less than 99 % have no points.",
            "programs",
            "active_zero_share",
            arguments={"max_value": 0.99, "strict_max": True},
            judged_from={"active_accounts": 100},
        ),
        Promise(
            "every_category_is_used",
            "Every category with a weight earns some account points.",
            "categories",
            "accounts_earning",
            arguments={"min_value": 1},
            judged_from={"active_accounts": 300},
        ),
        Promise(
            "scores_are_numbers",
            "Every score is a number, and a finite one.",
            "programs",
            "no_numbers",
            arguments={"max_value": 0},
        ),
        Promise(
            "everybody_scored_is_judged",
            "Every score has its judgement in pql.tiers.",
            "programs",
            "unjudged",
            arguments={"max_value": 0},
        ),
        Promise(
            "judged_by_the_score_shown",
            "Every judgement in pql.tiers rests on the score that is shown.",
            "programs",
            "judged_by_another_score",
            arguments={"max_value": 0},
        ),
    ),
)

HANDOFFS = Suite(
    name="handoffs",
    asset=("ledger", "handoffs"),
    about="Every hand-off is deserved, complete and on its way.",
    row_names={
        "handoffs": ("handoff",),
        "subjects": ("program", "level", "subject"),
        "week": ("program",),
    },
    promises=(
        Promise(
            "crossed_the_threshold",
            "Whoever is handed over has the score for it, or is an account carried by users who "
            "have.",
            "handoffs",
            "points_over_threshold",
            arguments={"min_value": 0},
        ),
        Promise(
            "crossed_before_opened",
            "Nobody is handed over for what has not happened yet.",
            "handoffs",
            "hours_from_crossing",
            arguments={"min_value": 0},
        ),
        Promise(
            "deadline_lies_ahead",
            "A deadline lies after the opening and within a year.",
            "handoffs",
            "hours_to_deadline",
            arguments={"min_value": 0, "strict_min": True, "max_value": 366 * 24},
        ),
        Promise(
            "escalation_has_a_deadline",
            "A hand-off that can escalate has a deadline; without one nobody would hear of it.",
            "handoffs",
            "hours_to_deadline",
            expectation=PRESENT,
            judged_from={"escalates": 1},
        ),
        Promise(
            "delivery_has_its_moment",
            "What was delivered says when.",
            "handoffs",
            "hours_to_delivery",
            expectation=PRESENT,
            judged_from={"delivered": 1},
        ),
        Promise(
            "story_names_the_account",
            "The story of every hand-off names its account.",
            "handoffs",
            "length_of_account_name",
            arguments={"min_value": 1},
            judged_from={"told": 1},
        ),
        Promise(
            "story_gives_a_reason",
            "The story of every hand-off gives at least one reason.",
            "handoffs",
            "reasons",
            arguments={"min_value": 1},
            judged_from={"told": 1},
        ),
        Promise(
            "nobody_is_handed_over_again_and_again",
            "Nobody is handed over more than three times within a week.",
            "subjects",
            "times_in_a_week",
            arguments={"max_value": 3},
        ),
        Promise(
            "fate_within_a_day",
            "A hand-off older than a day is delivered, suppressed, withdrawn or given up.",
            "handoffs",
            "state",
            expectation=ONE_OF,
            arguments={"value_set": list(FINAL_STATES)},
            judged_from={"age_hours": 24},
            holds_deliveries=False,  # its own breaker would keep it broken for ever
        ),
        Promise(
            "few_are_given_up",
            "At most 5 % of the past week's hand-offs could not be delivered.",
            "week",
            "dead_share",
            arguments={"max_value": 0.05},
            judged_from={"handoffs": 20},
            holds_deliveries=False,
        ),
        Promise(
            "there_is_somebody_to_speak_to",
            "At least half of the past week's hand-offs name a person to contact.",
            "week",
            "without_contact_share",
            arguments={"max_value": 0.5},
            judged_from={"handoffs": 20},
            holds_deliveries=False,
        ),
        Promise(
            "people_are_not_called_by_address",
            "No story calls a person or an account by an e-mail address.",
            "handoffs",
            "addresses",
            arguments={"max_value": 0},
            judged_from={"told": 1},
            holds_deliveries=False,  # a product that sends addresses as names is to be mended there
        ),
    ),
)
