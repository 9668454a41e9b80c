"""The CRM sandbox: records by external id, once, with proof."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from pql_platform.adapters.crm import Crm
from pql_platform.adapters.crm_sandbox import SandboxCRM
from pql_platform.domain.delivery import Ambiguous, Message, Rejected, TryLater
from pql_platform.ledger.engine import reading
from pql_platform.ledger.handoffs import NewMessage, open_handoff
from pql_platform.ledger.keys import message_key
from pql_platform.ledger.tables import metadata

PAYLOADS = {
    "crm_company": {
        "external_id": "acme",
        "name": "Acme",
        "domain": "acme.example",
        "properties": {"pql_score": "82.25"},
    },
    "crm_contact": {
        "external_id": "u1",
        "company_external_id": "acme",
        "name": "Ana",
        "email": "ana@acme.example",
        "properties": {"pql_score": "80"},
    },
    "crm_task": {
        "external_id": "h1",
        "company_external_id": "acme",
        "contact_external_id": "u1",
        "owner": "ae.emea",
        "due_at": "2026-03-02T12:00:00+01:00",
        "subject": "Call Acme",
        "body": "They invited 2 teammates.",
    },
    "crm_enrolment": {
        "external_id": "h2",
        "company_external_id": "acme",
        "contact_external_id": "u1",
        "sequence": "trial-tips",
    },
}
TABLES = {
    "crm_company": "crm_companies",
    "crm_contact": "crm_contacts",
    "crm_task": "crm_tasks",
    "crm_enrolment": "crm_enrolments",
}


def _message(kind: str, episode: int = 1, **changes) -> Message:
    key = message_key("boards", "account", "acme", kind, 1, episode)
    return Message(key, kind, {**PAYLOADS[kind], **changes})


def _records(engine: Engine, kind: str):
    with reading(engine) as conn:
        return conn.execute(select(metadata.tables[TABLES[kind]])).all()


@pytest.mark.parametrize("kind", PAYLOADS)
def test_delivering_twice_makes_one_record(engine: Engine, kit, kind: str) -> None:
    crm: Crm = SandboxCRM(engine)
    message = _message(kind)
    assert crm.find(message) is None
    first = crm.deliver(message, kit.START)
    second = crm.deliver(message, kit.START + timedelta(hours=1))
    external_id = PAYLOADS[kind]["external_id"]
    assert first.reference == second.reference == f"{TABLES[kind]}/{external_id}"
    assert (first.detail["written"], second.detail["written"]) == ("created", "updated")
    (record,) = _records(engine, kind)
    assert record.created_at == kit.START
    assert record.updated_at == kit.START + timedelta(hours=1)
    for name, value in PAYLOADS[kind].items():
        stored = getattr(record, name)
        assert stored == value or stored.isoformat() == "2026-03-02T11:00:00+00:00"
    found = crm.find(message)
    assert found is not None and found.reference == first.reference


def test_a_record_that_another_message_wrote_since_is_not_proof(engine: Engine, kit) -> None:
    crm = SandboxCRM(engine)
    crm.deliver(_message("crm_company"), kit.START)
    crm.deliver(_message("crm_company", episode=2, name="Acme Corp"), kit.START)
    assert crm.find(_message("crm_company")) is None
    (record,) = _records(engine, "crm_company")
    assert record.name == "Acme Corp"


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("crm_task", {"owner": None}, "crm_tasks needs the field owner"),
        ("crm_task", {"subject": ""}, "crm_tasks needs the field subject"),
        ("crm_task", {"external_id": ""}, "crm_tasks needs the field external_id"),
        ("crm_task", {"due_at": "soon"}, "due_at is no moment: soon"),
        ("crm_task", {"due_at": "2026-03-02T12:00:00"}, "due_at has no time zone"),
        ("crm_company", {"last_key": "x"}, "crm_companies has no field last_key"),
        ("crm_company", {"rep_notes": "x"}, "crm_companies has no field rep_notes"),
    ],
)
def test_a_payload_that_does_not_fit_is_rejected_with_its_field(
    engine: Engine, kit, kind: str, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        SandboxCRM(engine).deliver(_message(kind, **changes), kit.START)
    assert _records(engine, kind) == []


def test_a_kind_that_is_no_crm_record_is_rejected(engine: Engine, kit) -> None:
    with pytest.raises(Rejected, match="no message of kind alert"):
        SandboxCRM(engine).deliver(Message("k", "alert", {}), kit.START)


def test_a_database_that_does_not_answer_leaves_doubt() -> None:
    def refuse(*_args: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("database is locked"))

    engine = SimpleNamespace(begin=refuse, connect=refuse, dialect=SimpleNamespace(name="any"))
    crm = SandboxCRM(engine)  # type: ignore[arg-type]
    with pytest.raises(Ambiguous, match="did not answer"):
        crm.deliver(_message("crm_task"), None)  # type: ignore[arg-type]
    with pytest.raises(TryLater, match="cannot be read"):
        crm.find(_message("crm_task"))


def test_a_hand_off_of_crm_records_alone_is_delivered_in_one_drain(
    engine: Engine, clock, kit
) -> None:
    messages = [NewMessage("crm", kind, payload) for kind, payload in PAYLOADS.items()]
    with engine.begin() as conn:
        open_handoff(conn, kit.crossing(), messages)
    result = kit.run_drain(engine, clock, {"crm": SandboxCRM(engine)})
    assert result.delivered == 4
    assert {len(_records(engine, kind)) for kind in PAYLOADS} == {1}
