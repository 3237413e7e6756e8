"""How webhooks are told: in order, sent again for a day, signed so that everybody's check agrees."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.control.conftest import Clock, build
from tests.control.engine import Engine
from tests.control.hooks import SECRET, all_sent, began, call, hooked, journalled, organization, receiver, services
from tests.control.receiver import Receiver
from trunkline.control.routing.trunk_rules import TrunkWanted
from trunkline.control.services import Services
from trunkline.control.telling.deliveries import OF_ONE, PACE, PAUSES, Pace, signature
from trunkline.control.telling.webhooks import WebhookWanted
from trunkline.model.journal import Ended
from trunkline.providers.post import Post
from trunkline.store.database.outside import ATTEMPTS, DELIVERIES
from trunkline.store.events import event, of_call
from trunkline.store.store import Store

__all__ = ["organization", "receiver", "services"]

pytestmark = pytest.mark.both_stores


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


async def test_what_cannot_be_written_down_is_not_sent_again_at_once(
    services: Services, organization: str, receiver: Receiver, store: Store, clock: Clock
) -> None:
    await hooked(services, organization, receiver.base, "call.ended")
    clock.pass_(1e9)
    record = call(organization)
    await journalled(store, [began(record), Ended(record)])
    async with store.write() as unit:
        await unit.session.run("DROP TABLE webhook_attempts")
    delivering = asyncio.create_task(services.dispatcher.keep_delivering())
    await receiver.met.wait()
    await asyncio.sleep(0.5)
    assert len(receiver.taken) == 1
    assert not delivering.done()
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)


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
