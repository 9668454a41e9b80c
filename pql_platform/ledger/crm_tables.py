"""The tables of the CRM sandbox, which share the ledger's database and migrations."""

from __future__ import annotations

from sqlalchemy import JSON, Column, String, Table, Text

from pql_platform.ledger.columns import metadata
from pql_platform.ledger.types import UtcDateTime

crm_companies = Table(
    "crm_companies",
    metadata,
    Column("external_id", String(200), primary_key=True),
    Column("name", Text, nullable=False),
    Column("domain", Text),
    Column("account_owner", Text),
    Column("properties", JSON, nullable=False),
    Column("last_key", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

crm_contacts = Table(
    "crm_contacts",
    metadata,
    Column("external_id", String(200), primary_key=True),
    Column("company_external_id", String(200)),
    Column("name", Text),
    Column("email", Text),
    Column("properties", JSON, nullable=False),
    Column("last_key", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

crm_tasks = Table(
    "crm_tasks",
    metadata,
    Column("external_id", String(200), primary_key=True),
    Column("company_external_id", String(200)),
    Column("contact_external_id", String(200)),
    Column("owner", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("completed_at", UtcDateTime),
    Column("completed_by", Text),
    Column("closed_at", UtcDateTime),
    Column("closed_because", Text),
    Column("last_key", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

crm_enrolments = Table(
    "crm_enrolments",
    metadata,
    Column("external_id", String(200), primary_key=True),
    Column("contact_external_id", String(200)),
    Column("company_external_id", String(200)),
    Column("sequence", Text, nullable=False),
    Column("last_key", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
