"""Webhooks: what is told, once and in order; sent again for a day; signed so that everybody's check agrees."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.control.conftest import Clock, build, clock, engine, store
from tests.control.engine import Engine
from tests.control.names import Names
from tests.control.receiver import Receiver, receiving
from trunkline.control.errors import Invalid
from trunkline.control.routing.numbers import NumberWanted
from trunkline.control.routing.trunk_rules import TrunkWanted
from trunkline.control.services import Services
from trunkline.control.telling.deliveries import OF_ONE, PACE, PAUSES, Pace, signature
from trunkline.control.telling.webhooks import WebhookWanted
from trunkline.model import ids
from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, Began, Ended, JournalEntry
from trunkline.model.secret import Secret
from trunkline.model.webhook import EVENTS, Webhook
from trunkline.providers.post import Post
from trunkline.store.database.outside import ATTEMPTS, DELIVERIES
from trunkline.store.events import event, of_call
from trunkline.store.group import write_group
from trunkline.store.journal.journal import Journal
from trunkline.store.mover import Mover
from trunkline.store.replay import replay
from trunkline.store.store import Store, Unit

__all__ = ["clock", "engine", "store"]

pytestmark = pytest.mark.both_stores

SECRET = "your_webhook_secret"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def services(store: Store, engine: Engine, clock: Clock) -> AsyncIterator[Services]:
    post = Post(allow_private=True, timeout=0.4)
    made = build(store, engine, clock, post=post)
    await made.load()
    yield made
    await post.close()


@pytest.fixture
async def organization(services: Services) -> str:
    return (await services.organizations.create("Acme")).id


async def hooked(services: Services, organization: str, url: str, *events: str) -> Webhook:
    wanted = WebhookWanted(url=url, events=events or EVENTS, secret=Secret(SECRET))
    return await services.webhooks.create(organization, wanted)


async def all_sent(services: Services, clock: Clock) -> None:
    """Send all that is due; time passes where the pace asks for it."""
    while await services.dispatcher.deliver():
        pass


def call(organization: str, place: int = 0, *, answered: bool = True, status: Any = "completed") -> CallRecord:
    return CallRecord(
        id=ids.mint(1000.0 + place, bytes(10)),
        organization_id=organization,
        direction="inbound",
        phone_number="+12125551234",
        caller="+13035559876",
        callee="+12125551234",
        status=status,
        cause="normal",
        started_at=1_705_759_193.0 + place,
        answered_at=1_705_759_200.0 + place if answered else None,
        ended_at=1_705_759_327.0 + place,
    )


def began(record: CallRecord) -> Began:
    return Began(msgspec.structs.replace(record, status="in-progress", answered_at=None, ended_at=None, cause=None))


async def journalled(store: Store, entries: list[JournalEntry], *, fresh: bool = True) -> None:
    async def place(unit: Unit) -> None:
        return

    await write_group(store, "main", entries, place, fresh=fresh)


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── how it is sent ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_s2_38_the_signature_is_over_the_bytes_that_are_sent(
    services: Services, organization: str, receiver: Receiver, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base, "trunk.updated")
    trunk = await services.trunks.create(organization, TrunkWanted(name="Träger “1”", networks=("192.0.2.0/24",)))
    await services.trunks.change(organization, trunk.id, TrunkWanted(name="Träger “2” / \\ 😀"))
    await all_sent(services, clock)
    sent = receiver.taken[0]
    expected = hmac.new(SECRET.encode(), sent.raw, hashlib.sha256).hexdigest()
    assert sent.headers["X-Trunkline-Signature"] == expected
    assert sent.headers["Content-Type"] == "application/json"


def stringified(node: str, bodies: list[str]) -> list[str]:
    """What JavaScript makes of the bodies when it parses and prints them."""
    program = (
        "const all = JSON.parse(require('fs').readFileSync(0));"
        "process.stdout.write(JSON.stringify(all.map(body => JSON.stringify(JSON.parse(body)))))"
    )
    done = subprocess.run([node, "-e", program], input=msgspec.json.encode(bodies), capture_output=True, check=True)
    return msgspec.json.decode(done.stdout, type=list[str])


def test_s2_38_javascript_prints_the_same_bytes(tool: Callable[[str], str]) -> None:
    node = tool("node")
    texts = ["plain", "äöü€😀", "a/b", "\\\"'", "\n\r\t\b\f", "\x00\x01\x1f\x7f", "\u2028\u2029", "<&>"]
    bodies = [
        event("trunk.updated", "o", "s", 1_705_759_327.9, {"name": text, "list": [text, 1, None]}).body
        for text in texts
    ]
    bodies.append(of_call("call.ended", call("o")).body)
    assert stringified(node, bodies) == bodies


@given(st.text(), st.text(max_size=40))
def test_s2_38_signatures_are_64_lower_case_hex_digits(secret: str, body: str) -> None:
    made = signature(secret, body.encode("utf-8", "surrogateescape" if body.isascii() else "replace"))
    assert len(made) == 64
    assert set(made) <= set("0123456789abcdef")


async def test_what_fails_is_sent_again_with_growing_pauses_and_listed(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    webhook = await hooked(services, organization, receiver.base, "call.ended")
    receiver.answers = [500, "silence", "redirect"]
    clock.pass_(1e8)
    record = call(organization)
    await journalled(store, [began(record), Ended(record)])
    clock.wall += 1e8
    for attempt, pause in enumerate(PAUSES[:3], 1):
        await all_sent(services, clock)
        assert len(receiver.taken) == attempt
        clock.pass_(pause * 0.85)
        await all_sent(services, clock)
        assert len(receiver.taken) == attempt
        clock.pass_(pause * 0.3)
    await all_sent(services, clock)
    assert {each.raw for each in receiver.taken} == {receiver.taken[0].raw}
    [sent] = (await services.webhooks.deliveries(organization, webhook.id)).rows
    assert sent.delivery.state == "delivered"
    assert [(each.number, each.status, each.error) for each in sent.attempts] == [
        (1, 500, "answered 500"),
        (2, None, "no answer in time"),
        (3, 307, "answered 307"),
        (4, 200, None),
    ]
    assert sent.attempts[3].answer == "thanks"


async def test_a_calls_end_waits_for_its_beginning_and_other_calls_do_not(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base)
    clock.pass_(1e9)
    first, second = call(organization, 1), call(organization, 2)
    receiver.answers = [500]
    await journalled(store, [began(first)])
    await services.dispatcher.deliver()
    await journalled(store, [Ended(first), began(second), Ended(second)])
    await all_sent(services, clock)
    told = [(each.json["event"], each.json["data"]["call_id"]) for each in receiver.taken]
    assert told == [
        ("call.started", f"call_{first.id}"),
        ("call.started", f"call_{second.id}"),
        ("call.ended", f"call_{second.id}"),
    ]
    clock.pass_(60)
    await all_sent(services, clock)
    assert [each.json["event"] for each in receiver.taken[3:]] == ["call.started", "call.ended"]


async def test_s2_39_a_hundred_a_minute_and_the_rest_waits(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    await hooked(services, organization, f"{receiver.base}/busy", "call.ended")
    clock.pass_(1e9)
    records = [call(organization, place) for place in range(150)]
    await journalled(store, [entry for record in records for entry in (began(record), Ended(record))])
    await all_sent(services, clock)
    assert len(receiver.taken) == PACE
    await hooked(services, organization, f"{receiver.base}/idle", "call.failed")
    missed = call(organization, 200, answered=False)
    await journalled(store, [began(missed), Ended(missed)])
    await all_sent(services, clock)
    assert [each.path for each in receiver.taken[PACE:]] == ["/idle"]
    clock.pass_(60)
    await all_sent(services, clock)
    assert sorted(each.json["data"]["call_id"] for each in receiver.taken if each.path == "/busy") == sorted(
        f"call_{record.id}" for record in records
    )


async def test_receivers_that_hang_keep_nobody_elses_waiting(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    receiver.silent = {f"/{number}" for number in range(4)}
    for path in receiver.silent:
        await hooked(services, organization, f"{receiver.base}{path}", "call.ended")
    other = (await services.organizations.create("Other")).id
    await hooked(services, other, f"{receiver.base}/other", "call.ended")
    clock.pass_(1e9)
    for place in range(100):
        await journalled(store, [began(call(organization, place)), Ended(call(organization, place))])
    last = call(other, 200)
    await journalled(store, [began(last), Ended(last)])
    delivering = asyncio.create_task(services.dispatcher.keep_delivering())
    try:
        async with asyncio.timeout(10):
            while not any(each.path == "/other" for each in receiver.taken):
                receiver.met.clear()
                await receiver.met.wait()
        assert len(receiver.taken) <= OF_ONE + 1
    finally:
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)


@given(st.lists(st.floats(0, 20), max_size=400))
def test_s2_39_no_minute_has_more_than_a_hundred(gaps: list[float]) -> None:
    pace, now, sent = Pace(), 0.0, []
    for gap in gaps:
        now += gap / 20
        if pace.take(now):
            sent.append(now)
    assert all(len([at for at in sent if begin <= at < begin + 60]) <= PACE for begin in sent)


async def test_lasting_failure_disables_with_notice_and_nothing_is_lost(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    webhook = await hooked(services, organization, receiver.base, "call.ended")
    receiver.always = 503
    clock.pass_(1e9)
    first, second = call(organization, 1), call(organization, 2)
    await journalled(store, [began(first), Ended(first)])
    clock.wall = max(clock.wall, 3e9)
    began_at = clock.wall
    while services.webhooks.get(organization, webhook.id).enabled:
        await all_sent(services, clock)
        clock.pass_(600)
    assert 0.8 * 86400 < clock.wall - began_at < 1.2 * 86400
    assert len(receiver.taken) == len(PAUSES) + 1
    now = services.webhooks.get(organization, webhook.id)
    assert now.disabled_reason is not None
    assert "503" in now.disabled_reason
    receiver.always = 200
    await services.webhooks.change(organization, webhook.id, WebhookWanted(enabled=True))
    [sent] = (await services.webhooks.deliveries(organization, webhook.id)).rows
    await services.webhooks.again(organization, webhook.id, sent.delivery.seq)
    await journalled(store, [began(second), Ended(second)])
    await all_sent(services, clock)
    last = {each.json["data"]["call_id"] for each in receiver.taken[-2:]}
    assert last == {f"call_{first.id}", f"call_{second.id}"}
    assert services.webhooks.get(organization, webhook.id).disabled_reason is None


async def test_deliveries_survive_a_restart(
    services: Services, organization: str, receiver: Receiver, store: Store, engine: Engine, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base, "call.ended")
    clock.pass_(1e9)
    record = call(organization)
    await journalled(store, [began(record), Ended(record)])
    post = Post(allow_private=True)
    again = build(store, engine, clock, post=post)
    await again.load()
    await again.dispatcher.deliver()
    await post.close()
    assert receiver.events == ["call.ended"]


async def test_two_processes_that_deliver_lose_nothing_and_note_each_attempt_once(
    services: Services, organization: str, receiver: Receiver, store: Store, engine: Engine, clock: Clock,
    store_url: str, tmp_path: Path,
) -> None:  # fmt: skip
    """A database has one edge; one that was cut off and replaced may come back all the same."""
    hook = await hooked(services, organization, receiver.base)
    clock.pass_(1e9)
    records = [call(organization, place) for place in range(8)]
    await journalled(store, [began(record) for record in records])
    await journalled(store, [Ended(record) for record in records])
    other_store, post = await Store.open(store_url, tmp_path / "secret.key"), Post(allow_private=True)
    other = build(other_store, engine, clock, post=post)
    await other.load()
    while sum(await asyncio.gather(services.dispatcher.deliver(), other.dispatcher.deliver())):
        pass
    await post.close()
    await other_store.close()
    for record in records:
        told = [each.json["event"] for each in receiver.taken if each.json["data"]["call_id"] == f"call_{record.id}"]
        assert told == sorted(told, reverse=True), "a call's end came before its beginning"
        assert set(told) == {"call.started", "call.ended"}
        assert len(told) <= 4
    async with store.read() as unit:
        page = await unit.webhooks.deliveries(hook.id, per_page=100)
        attempts = await unit.webhooks.attempts([delivery.seq for delivery in page.rows])
    assert [(each.state, each.attempts) for each in page.rows] == [("delivered", 1)] * 16
    assert [len(each) for each in attempts.values()] == [1] * 16


async def test_a_webhook_that_goes_while_it_is_told_leaves_nothing(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    hook = await hooked(services, organization, receiver.base, "call.ended")
    clock.pass_(1e9)
    record = call(organization)
    await journalled(store, [began(record), Ended(record)])
    receiver.always = "silence"
    sending = asyncio.create_task(services.dispatcher.deliver())
    await receiver.met.wait()
    await services.webhooks.delete(organization, hook.id)
    await sending
    async with store.read() as unit:
        assert await unit.session.rows(select(ATTEMPTS)) == []
        assert await unit.session.rows(select(DELIVERIES)) == []


# ── where it may go ───────────────────────────────────────────────────────────────────────────────────────────────────

PRIVATE = (
    "http://127.0.0.1/",
    "http://localhost/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[fd00::1]/",
    "http://[fec0::1]/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://100.64.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://user:pass@example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "http:///path",
)


@pytest.mark.parametrize("url", PRIVATE)
async def test_addresses_that_are_not_public_are_refused(store: Store, engine: Engine, clock: Clock, url: str) -> None:
    services = build(store, engine, clock)
    await services.load()
    organization = (await services.organizations.create("Acme")).id
    with pytest.raises(Invalid) as raised:
        await hooked(services, organization, url)
    assert raised.value.code == "webhook_target_refused"


async def test_a_name_that_leads_to_a_private_address_is_not_posted_to(receiver: Receiver) -> None:
    port = receiver.base.rpartition(":")[2]
    post = Post(resolver=Names({"hook.example.com": ["127.0.0.1"], "both.example.com": ["10.0.0.1", "127.0.0.1"]}))
    for host in ("hook.example.com", "both.example.com"):
        posted = await post.send(f"http://{host}:{port}/", b"{}", {})
        assert posted.status is None
        assert "not public" in str(posted.error)
    await post.close()
    assert receiver.taken == []


async def test_names_that_are_looked_up_elsewhere_keep_no_webhook_waiting(receiver: Receiver) -> None:
    """Nor the other way round: webhooks have threads of their own to look up names in."""
    loop, held = asyncio.get_running_loop(), threading.Event()
    others = ThreadPoolExecutor(1)
    loop.set_default_executor(others)
    busy = loop.run_in_executor(None, held.wait)
    post = Post(allow_private=True)
    try:
        posted = await post.send(receiver.base.replace("127.0.0.1", "localhost"), b"{}", {})
        assert (posted.status, posted.error) == (200, None)
        assert not busy.done()
    finally:
        held.set()
        await busy
        await post.close()


async def test_a_public_name_is_posted_to_at_the_address_that_was_looked_at(receiver: Receiver) -> None:
    port = receiver.base.rpartition(":")[2]
    names = Names({"hook.example.com": ["127.0.0.1"]})
    post = Post(allow_private=True, resolver=names)
    assert (await post.send(f"http://hook.example.com:{port}/", b"{}", {})).ok
    assert names.asked == ["hook.example.com"]
    await post.close()
