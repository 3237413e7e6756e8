"""Who changed what: in the log with the change, without credentials, and seen by whom it concerns."""

from __future__ import annotations

import pytest

from tests.api.conftest import CREDENTIALS, ELEVENLABS, GENERIC, Client, Clock, Keys
from trunkline.control.configuration.audit import HIDDEN
from trunkline.control.services import Services
from trunkline.store.database import errors as store_errors
from trunkline.store.rows.audit import Audit
from trunkline.store.store import Store

pytestmark = pytest.mark.both_stores


async def test_a_change_says_who_what_and_from_where(admin: Client, clock: Clock) -> None:
    made = await admin.post("/v1/sip/trunks", GENERIC, headers={"X-Request-Id": "first"})
    clock.pass_(1)
    await admin.patch(f"/v1/sip/trunks/{made.json['id']}", {"name": "New", "credentials": {"password": "other"}})
    clock.pass_(1)
    await admin.delete(f"/v1/sip/trunks/{made.json['id']}")
    entries = (await admin.get("/v1/audit?resource=trunk")).json["data"]
    assert [entry["action"] for entry in entries] == ["delete", "update", "create"]
    last, changed, first = entries
    assert first["request_id"] == "first"
    assert first["resource_id"] == made.json["id"]
    assert first["source"] == "127.0.0.1"
    assert (first["actor"], first["role"]) == ("A test's admin", "admin")
    assert first["changes"]["host"] == {"before": None, "after": "sip.example.com"}
    assert first["changes"]["password"] == {"before": None, "after": HIDDEN}
    assert changed["changes"] == {
        "name": {"before": "Custom SIP Provider", "after": "New"},
        "password": {"before": HIDDEN, "after": HIDDEN},
        "reprovision_required": {"before": False, "after": True},
    }
    assert (last["name"], last["changes"]) == ("New", {})


async def test_no_credential_is_in_the_log(admin: Client, store: Store) -> None:
    for body in (GENERIC, ELEVENLABS):
        await admin.post("/v1/sip/trunks", body)
    shown = (await admin.get("/v1/audit")).raw
    async with store.read() as unit:
        kept = str(await unit.audit.page(organization=None)).encode()
    assert b"sip.example.com" in shown
    assert b"sip.example.com" in kept
    assert [secret for secret in CREDENTIALS if secret in shown + kept] == []


async def test_a_key_is_logged_without_its_text(admin: Client) -> None:
    made = await admin.post("/v1/api-keys", {"name": "Theirs"})
    entries = (await admin.get("/v1/audit?resource=api_key")).json["data"]
    (entry,) = [entry for entry in entries if entry["resource_id"] == made.json["id"]]
    assert made.json["key"] not in str(entry)


async def test_what_changes_nothing_is_not_logged(admin: Client, trunk: str) -> None:
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"name": "Carrier"})
    assert len((await admin.get("/v1/audit?resource=trunk")).json["data"]) == 1


async def test_a_change_that_cannot_be_logged_is_not_made(
    admin: Client, services: Services, organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise store_errors.Unavailable("the disk is full")

    monkeypatch.setattr(Audit, "add", full)
    answer = await admin.post("/v1/sip/trunks", GENERIC)
    assert (answer.status, answer.code) == (503, "store_unavailable")
    assert services.trunks.all(organization) == []


async def test_filters_and_pages(admin: Client, clock: Clock, trunk: str, echo: str) -> None:
    agents = (await admin.get(f"/v1/audit?resource_id={echo}")).json
    assert [entry["resource"] for entry in agents["data"]] == ["agent"]
    assert agents["pagination"] == {"page": 1, "per_page": 20, "total": 1}
    key = agents["data"][0]["key_id"]
    assert (await admin.get(f"/v1/audit?key_id={key}&per_page=1")).json["pagination"]["total"] == 2
    assert (await admin.get("/v1/audit?end_date=2024-01-14")).json["data"] == []
    assert len((await admin.get("/v1/audit?start_date=2024-01-15&resource=agent")).json["data"]) == 1


async def test_s4_16_another_organizations_changes_are_not_seen(
    admin: Client, client: Keys, services: Services, trunk: str
) -> None:
    stranger = await client((await services.organizations.create("Other")).id)
    seen = (await stranger.get("/v1/audit")).json["data"]
    assert {entry["resource"] for entry in seen} == {"organization", "api_key"}
    above = await client(None, "operator")
    seen = (await above.get("/v1/audit?per_page=100")).json["data"]
    assert {"trunk", "organization", "api_key"} <= {entry["resource"] for entry in seen}
    viewer = await client(services.state.catalogue.trunks[trunk.removeprefix("trunk_")].organization_id, "viewer")
    assert (await viewer.get("/v1/audit")).code == "insufficient_permissions"


async def test_a_ban_is_logged_for_those_above_the_organizations(client: Keys, admin: Client, clock: Clock) -> None:
    above = await client(None, "operator")
    made = await above.post("/v1/bans", {"source": "198.51.100.7", "seconds": 60, "reason": "svwar"})
    assert made.status == 201
    clock.pass_(1)
    assert (await above.delete(f"/v1/bans/{made.json['id']}")).status == 200
    lifted, banned = (await above.get("/v1/audit?resource=ban")).json["data"]
    assert (banned["action"], banned["resource_id"], banned["name"]) == ("create", made.json["id"], "198.51.100.7")
    assert banned["changes"] == {
        "reason": {"before": None, "after": "svwar"},
        "seconds": {"before": None, "after": 60.0},
    }
    assert (lifted["action"], lifted["resource_id"], lifted["role"]) == ("delete", made.json["id"], "operator")
    assert (await admin.get("/v1/audit?resource=ban")).json["data"] == []


async def test_a_ban_does_not_wait_for_the_log(client: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    above = await client(None, "operator")

    async def full(*_: object) -> None:
        raise store_errors.Unavailable("the disk is full")

    monkeypatch.setattr(Audit, "add", full)
    made = await above.post("/v1/bans", {"source": "198.51.100.7"})
    assert (made.status, made.code) == (503, "store_unavailable")
    assert "holds" in made.json["error"]["message"]
    assert [ban["source"] for ban in (await above.get("/v1/bans")).json["data"]] == ["198.51.100.7"]
