"""What must be true of what comes in: the events, and the features made of them.

Not repeated here is what a SQLMesh audit already holds row by row. These promises are about many
rows, about the last day against the weeks before, and about what a valid row cannot show: that it
is missing, or that it belongs to somebody else.
"""

from __future__ import annotations

from expectations.promises import NONE_OF, Promise, Suite

# What scripts write where an id is missing; ids are compared in lower case.
NO_IDS = ("undefined", "null", "none", "nan", "nil", "n/a", "unknown", "[object object]", "0", "-1")

EVENTS = Suite(
    name="events",
    asset=("raw", "events"),
    about="What the product sends is complete and means what it meant last week.",
    row_names={
        "stream": ("stream",),
        "names": ("event",),
        "amounts": ("program", "signal", "property"),
    },
    promises=(
        Promise(
            "events_are_there",
            "Once a file was loaded, there are events.",
            "stream",
            "events",
            arguments={"min_value": 1},
            judged_from={"loads": 1},
        ),
        Promise(
            "quarantine_stays_small",
            "Less than 1 % of the records loaded in the last day are in quarantine.",
            "stream",
            "quarantined_share",
            arguments={"max_value": 0.01, "strict_max": True},
            judged_from={"accepted_last_day": 1_000},
        ),
        Promise(
            "scored_events_keep_coming",
            "An event that a program uses, and that came at least 50 times on this weekday in each "
            "of the past four weeks, has come in the last day.",
            "names",
            "last_day",
            arguments={"min_value": 1},
            judged_from={"least_before": 50},
        ),
        Promise(
            "volume_is_usual",
            "The last day brought at least a tenth and at most ten times as many events as this "
            "weekday usually does.",
            "stream",
            "volume_ratio",
            arguments={"min_value": 0.1, "max_value": 10},
            judged_from={"least_before": 500},
        ),
        Promise(
            "people_stay_recognisable",
            "The share of events with a user or an account has not halved since the past four "
            "weeks.",
            "stream",
            "known_kept",
            arguments={"min_value": 0.5},
            judged_from={"events_last_day": 500, "events_before": 500},
        ),
        Promise(
            "events_carry_the_time_of_day",
            "At most half of the last day's events are stamped exactly midnight; dates without a "
            "time make visits and frequency meaningless.",
            "stream",
            "midnight_share",
            arguments={"max_value": 0.5},
            judged_from={"events_last_day": 100},
        ),
        Promise(
            "the_stream_is_alive",
            "The silence since the newest event is at most three times the longest pause of the "
            "past four weeks, and a pause counts as a day at least.",
            "stream",
            "silence_ratio",
            arguments={"max_value": 3},
            judged_from={"loads": 5},
            holds_deliveries=False,  # what was earned before the silence is still true
        ),
        Promise(
            "amounts_are_numbers",
            "Of the events whose property a signal adds up, less than 5 % come without it, or with "
            "something that is no number.",
            "amounts",
            "unusable_share",
            arguments={"max_value": 0.05, "strict_max": True},
            judged_from={"events": 20},
            holds_deliveries=False,  # it lowers scores: those who qualify all the same are leads
        ),
    ),
)

FEATURES = Suite(
    name="features",
    asset=("features", "signals"),
    about="Accounts are the real ones, and every signal still measures something.",
    row_names={
        "accounts": ("account_id",),
        "conversions": ("program",),
        "facts": ("fact",),
        "profiles": ("program",),
        "signals": ("program", "signal", "busiest_account"),
    },
    promises=(
        Promise(
            "accounts_have_real_ids",
            "No account of five or more people has a placeholder such as 'undefined' for its id; "
            "it would be many strangers in one.",
            "accounts",
            "id_in_lower_case",
            expectation=NONE_OF,
            arguments={"value_set": list(NO_IDS)},
            judged_from={"users": 5},
        ),
        Promise(
            "no_account_swallows_the_rest",
            "No account holds more than a quarter of all users; a mailbox provider taken for a "
            "company would.",
            "accounts",
            "share_of_users",
            arguments={"max_value": 0.25},
            judged_from={"all_users": 1_000, "all_accounts": 100},
        ),
        Promise(
            "conversions_are_still_recorded",
            "A program with 40 or more conversions in the four weeks before has had one in the "
            "last week; otherwise customers are taken for prospects.",
            "conversions",
            "last_week",
            arguments={"min_value": 1},
            judged_from={"before": 40},
        ),
        Promise(
            "every_signal_is_shown_by_somebody",
            "Every signal of every program occurs in its window at some account.",
            "signals",
            "accounts_showing_it",
            arguments={"min_value": 1},
            judged_from={"active_accounts": 300},
            holds_deliveries=False,  # leads found without it are leads all the same
        ),
        Promise(
            "every_signal_is_fed",
            "Every signal of every program has occurred at some account in the past 30 days; "
            "otherwise its event is misspelt, or no longer sent.",
            "signals",
            "accounts_fed",
            arguments={"min_value": 1},
            judged_from={"history_days": 30, "active_accounts": 1},
            holds_deliveries=False,
        ),
        Promise(
            "values_are_numbers",
            "Every value of a signal is a number, and a finite one.",
            "signals",
            "no_numbers",
            arguments={"max_value": 0},
        ),
        Promise(
            "the_plans_of_a_program_are_found",
            "A program for trial or freemium accounts finds some on such a plan; otherwise the "
            "product calls its plans by other names than the program.",
            "profiles",
            "accounts_on_its_plans",
            arguments={"min_value": 1},
            judged_from={"active_accounts": 50},
            holds_deliveries=False,  # there is nothing to hold: nobody qualifies
        ),
        Promise(
            "nobody_is_busier_than_people_can_be",
            "Nobody counts more than 10,000 occurrences of a signal a day, and no team; that is a "
            "script.",
            "signals",
            "busiest_per_day",
            arguments={"max_value": 10_000},
            holds_deliveries=False,  # one account's fault
        ),
        Promise(
            "head_counts_are_plausible",
            "Nineteen in twenty of the known head counts lie between 1 and 5,000,000.",
            "accounts",
            "employees",
            arguments={"min_value": 1, "max_value": 5_000_000, "mostly": 0.95},
            judged_from={"all_accounts": 100},
            holds_deliveries=False,  # it changes the tier, not whether somebody is interested
        ),
        Promise(
            "new_accounts_are_as_well_known_as_older_ones",
            "Head count, industry, funding, country and plan are known for accounts of the past "
            "four weeks at least half as often as for those before.",
            "facts",
            "known_kept",
            arguments={"min_value": 0.5},
            judged_from={"new_accounts": 50, "older_accounts": 50, "older_known_share": 0.2},
            holds_deliveries=False,
        ),
    ),
)
