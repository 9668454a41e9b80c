"""The port to a CRM: what the platform writes there, whichever CRM it is.

Five kinds of message, each with an external id of ours by which a repetition updates the same
record instead of creating a second one. How a CRM stores them belongs to its adapter; what they say
is decided by whoever writes the hand-off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypedDict

from pql_platform.domain.delivery import Channel

COMPANY: Final = "crm_company"
CONTACT: Final = "crm_contact"
TASK: Final = "crm_task"
ENROLMENT: Final = "crm_enrolment"
TASK_CLOSE: Final = "crm_task_close"


class Company(TypedDict):
    """Payload of `crm_company`; `external_id` is the account's id.

    `properties` holds only properties of ours, such as the score; a rep's fields are not touched.
    """

    external_id: str
    name: str
    domain: str | None
    properties: Mapping[str, Any]


class Contact(TypedDict):
    """Payload of `crm_contact`; `external_id` is the user's id."""

    external_id: str
    company_external_id: str | None
    name: str | None
    email: str | None
    properties: Mapping[str, Any]


class Task(TypedDict):
    """Payload of `crm_task`; `external_id` is made of the hand-off's id.

    `due_at` is ISO 8601 with a zone: a task without a deadline is not taken.
    """

    external_id: str
    company_external_id: str | None
    contact_external_id: str | None
    owner: str
    due_at: str
    subject: str
    body: str


class TaskClose(TypedDict):
    """Payload of `crm_task_close`: a task of ours is withdrawn, with a note; ISO 8601 moment.

    One that a person completed or deleted is left alone.
    """

    external_id: str
    closed_at: str
    closed_because: str


class Enrolment(TypedDict):
    """Payload of `crm_enrolment`, into a nurture sequence; `external_id` as of a task."""

    external_id: str
    company_external_id: str | None
    contact_external_id: str | None
    sequence: str


class Crm(Channel, Protocol):
    """A CRM: a channel for the five kinds above.

    `deliver` is idempotent by external id: delivering twice leaves one record. `find` looks for the
    record and says whether this very message wrote it last. Any other kind is `Rejected`.

    Attributes:
        settle_seconds: How long after an attempt its record may still turn up.
    """

    settle_seconds: float

    def contacted(self, task_ids: Sequence[str]) -> Mapping[str, tuple[datetime, str]]:
        """When and by whom tasks of ours were completed, by external id; absent if not.

        Raises:
            DeliveryFailure: It could not be asked.
        """
        ...
