"""What webhooks are told: once, and of what was asked for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.control.conftest import Clock
from tests.control.hooks import all_sent, began, call, hooked, journalled, organization, receiver, services
from tests.control.receiver import Receiver
from trunkline.control.errors import Invalid
from trunkline.control.routing.numbers import NumberWanted
from trunkline.control.routing.trunk_rules import TrunkWanted
from trunkline.control.services import Services
from trunkline.model.journal import Answered, Ended, JournalEntry
from trunkline.store.journal.journal import Journal
from trunkline.store.mover import Mover
from trunkline.store.replay import replay
from trunkline.store.store import Store

__all__ = ["organization", "receiver", "services"]

pytestmark = pytest.mark.both_stores


async def test_s2_36_a_calls_end_as_the_document_shows_it(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    await hooked(services, organization, f"{receiver.base}/hook")
    record = call(organization)
    clock.pass_(1e8)
    await journalled(store, [began(record), Ended(record)])
    await all_sent(services, clock)
    assert receiver.events == ["call.started", "call.ended"]
    assert receiver.taken[1].json == {
        "event": "call.ended",
        "timestamp": "2024-01-20T14:02:07Z",
        "data": {
            "call_id": f"call_{record.id}",
            "phone_number": "+12125551234",
            "direction": "inbound",
            "status": "completed",
            "duration": 127,
            "recording_url": None,
            "from": "+13035559876",
            "to": "+12125551234",
            "agent_id": None,
            "cause": "normal",
        },
    }
    assert receiver.taken[0].json["data"]["status"] == "in-progress"


async def test_s2_35_an_unanswered_call_fails_and_a_refused_one_is_not_told_of(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base)
    clock.pass_(1e8)
    missed, refused = call(organization, 1, answered=False, status="no-answer"), call(organization, 2, answered=False)
    await journalled(store, [began(missed), Ended(refused)])
    await journalled(store, [Ended(missed)])
    await all_sent(services, clock)
    assert receiver.events == ["call.started", "call.failed"]
    assert {each.json["data"]["call_id"] for each in receiver.taken} == {f"call_{missed.id}"}


async def test_s2_35_however_often_the_journal_is_moved_each_event_is_told_once(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base)
    clock.pass_(1e8)
    record = call(organization)
    entries: list[JournalEntry] = [began(record), Answered(record, ()), Ended(record)]
    for start in (0, 0, 1, 2, 0):
        await journalled(store, entries[start:], fresh=False)
        await all_sent(services, clock)
    assert receiver.events == ["call.started", "call.ended"]


async def test_s2_35_a_call_that_a_crash_left_open_ends_once(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock, tmp_path: Path
) -> None:
    await hooked(services, organization, receiver.base)
    clock.pass_(1e8)
    record = call(organization)
    journal = Journal.open(tmp_path / "journal")
    replayed = await replay(journal, store, wall=clock.wall)
    mover = Mover(journal, store, at=replayed.position)
    journal.append([began(record)])
    await mover.flush()
    journal.append([Answered(msgspec.structs.replace(record, status="in-progress", ended_at=None), ())])
    journal.close()
    for _ in range(2):
        journal = Journal.open(tmp_path / "journal")
        await (await replay(journal, store, wall=clock.wall)).settle(store)
        journal.close()
    await all_sent(services, clock)
    assert receiver.events == ["call.started", "call.ended"]
    assert receiver.taken[1].json["data"]["cause"] == "interrupted"


async def test_s2_35_trunks_and_numbers_tell_of_their_transitions_alone(
    services: Services, organization: str, receiver: Receiver, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base, "trunk.updated", "number.provisioned")
    trunk = await services.trunks.create(organization, TrunkWanted(name="Carrier", networks=("192.0.2.0/24",)))
    await services.trunks.change(organization, trunk.id, TrunkWanted(name="Other"))
    await services.trunks.change(organization, trunk.id, TrunkWanted(name="Other"))
    number = await services.numbers.import_(organization, NumberWanted(e164="+12125551234", trunk_id=trunk.id))
    await services.numbers.change(organization, number.id, NumberWanted(label="Support"))
    await services.numbers.change(organization, number.id, NumberWanted(state="inactive"))
    await services.numbers.change(organization, number.id, NumberWanted(state="active"))
    await all_sent(services, clock)
    assert receiver.events == ["trunk.updated", "number.provisioned"]
    assert receiver.taken[0].json["data"]["name"] == "Other"
    assert receiver.taken[1].json["data"]["phone_number"] == "+12125551234"


async def test_s2_35_a_change_that_is_not_made_tells_nothing(
    services: Services, organization: str, receiver: Receiver, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base, "trunk.updated")
    trunk = await services.trunks.create(organization, TrunkWanted(name="Carrier", networks=("192.0.2.0/24",)))
    with pytest.raises(Invalid):
        await services.trunks.change(organization, trunk.id, TrunkWanted(name="", port=0))
    await all_sent(services, clock)
    assert receiver.taken == []


async def test_s2_39_only_what_was_asked_for_and_only_ones_own(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    other = (await services.organizations.create("Other")).id
    await hooked(services, organization, f"{receiver.base}/ends", "call.ended")
    await hooked(services, other, f"{receiver.base}/other")
    clock.pass_(1e8)
    record = call(organization)
    await journalled(store, [began(record), Ended(record)])
    await all_sent(services, clock)
    assert [(each.path, each.json["event"]) for each in receiver.taken] == [("/ends", "call.ended")]
