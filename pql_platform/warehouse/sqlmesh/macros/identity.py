"""Macros for who belongs to which account.

`identity` is the part of the definition with the sources of accounts, in order.
"""

from sqlmesh import macro

from macros.literals import parsed


@macro()
def account_of_user(evaluator, identity):
    """Where a user's account comes from, in the order of the program files; else the user alone."""
    sources = {
        "group": "people.group_id",
        "email_domain": "CASE WHEN personal_email_domains.domain IS NULL "
        "THEN people.email_domain END",
    }
    ordered = ", ".join(sources[source] for source in parsed(identity)[0]["accounts_from"])
    return f"COALESCE({ordered}, 'user:' || people.user_id)"
