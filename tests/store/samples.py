"""Records to store, as valid ones as a running edge makes."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from trunkline.model.agent import Agent, Step
from trunkline.model.call import CallRecord, LegRecord
from trunkline.model.ids import mint
from trunkline.model.journal import DialogState
from trunkline.model.number import Number, NumberConfig
from trunkline.model.organization import Organization
from trunkline.model.secret import Secret
from trunkline.model.trunk import Range, TlsProfile, Trunk
from trunkline.model.webhook import EVENTS, Webhook
from trunkline.sip.flow import Flow
from trunkline.store.store import Store

WALL = 1_770_000_000.0


def ident(number: int) -> str:
    """An id; a greater number is a later one."""
    return mint(WALL + number, number.to_bytes(10, "big"))


ORGANIZATION = Organization(id=ident(1), name="Acme", created_at=WALL, updated_at=WALL)
OTHER = Organization(id=ident(2), name="Umbrella", created_at=WALL, updated_at=WALL)


def trunk(number: int = 10, **changes: Any) -> Trunk:
    """A trunk that has every kind of field filled."""
    full = Trunk(
        id=ident(number),
        organization_id=ORGANIZATION.id,
        name=f"carrier {number}",
        provider="twilio",
        host="sip.example.com",
        port=5061,
        transport="tls",
        outbound_proxy="sip:proxy.example.com;lr",
        tls=TlsProfile(server_name="sip.example.com", certificate="PEM", private_key=Secret("a key in PEM, 7f3a")),
        networks=("192.0.2.0/24", "2001:db8::/32"),
        username="user",
        password=Secret("pass wörd"),
        challenge=True,
        country="US",
        codecs=("G722", "PCMU"),
        media_encryption="require",
        max_concurrent_calls=3,
        calls_per_second=1.5,
        ring_after=2.0,
        identity="require",
        default_caller="+12025550123",
        ranges=(Range(prefix="+1202555", agent_id=ident(20), outbound=True), Range(prefix="+", agent_id=ident(21))),
        settings={"api_key": Secret("sk-1"), "project_id": Secret("p-1")},
        created_at=WALL,
        updated_at=WALL,
    )
    return structs.replace(full, **changes)


def agent(number: int = 20, **changes: Any) -> Agent:
    full = Agent(
        id=ident(number),
        organization_id=ORGANIZATION.id,
        name=f"agent {number}",
        kind="group",
        members=(ident(21), ident(22)),
        steps={ident(21): Step(weight=3, ring_timeout=7.5)},
        strategy="weighted",
        hunt_on=(404, 503),
        hunt_timeout=60.5,
        ring_timeout=12.5,
        probe=True,
        probe_interval=12.5,
        probe_misses=4,
        probe_hits=5,
        created_at=WALL,
        updated_at=WALL,
    )
    return structs.replace(full, **changes)


def number(place: int = 30, **changes: Any) -> Number:
    full = Number(
        id=ident(place),
        organization_id=ORGANIZATION.id,
        e164=f"+1202555{place:04}",
        state="active",
        config=NumberConfig(first_message="Hello", max_duration=60, language="en"),
        metadata={"room": "{{caller}}"},
        inbound_pin=Secret("1234"),
        label="Sales",
        provisioned_at=WALL,
        created_at=WALL,
        updated_at=WALL,
    )
    return structs.replace(full, **changes)


def call(place: int = 100, *, ended: bool = True, answered: bool = True, **changes: Any) -> CallRecord:
    """A call that began `place` seconds after `WALL` and, when it has ended, took 61.5 seconds from its answer on."""
    start = WALL + place
    answer = start + 2.0 if answered else None
    end = start + 63.5 if ended else None
    legs = tuple(
        LegRecord(
            side=side,
            sip_call_id=f"{side}-{place}@192.0.2.1",
            peer="udp:192.0.2.1:5060",
            uri="sip:+12025550100@192.0.2.9",
            started_at=start,
            answered_at=answer,
            ended_at=end,
            status=200 if answered else None,
            codec="PCMU",
        )
        for side in ("caller", "agent")
    )
    full = CallRecord(
        id=ident(place),
        organization_id=ORGANIZATION.id,
        direction="inbound",
        number_id=ident(30),
        phone_number="+12025550030",
        caller="+14155550123",
        callee="+12025550030",
        status=("completed" if answered else "no-answer") if ended else "in-progress",
        cause="normal" if ended else None,
        hung_up_by="caller" if ended else None,
        started_at=start,
        answered_at=answer,
        ended_at=end,
        legs=legs,
    )
    return structs.replace(full, **changes)


def dialog(tag: str = "a", **changes: Any) -> DialogState:
    full = DialogState(
        call_id=f"{tag}@192.0.2.9",
        local=f"<sip:edge@192.0.2.9>;tag=l{tag}",
        remote=f'"Ann" <sip:ann@192.0.2.1>;tag=r{tag}',
        target="sip:ann@192.0.2.1:5062",
        route_set=("<sip:proxy.example.com;lr>",),
        sequence=1000,
        flow=Flow("udp", ("192.0.2.9", 5060), ("192.0.2.1", 5060)),
    )
    return structs.replace(full, **changes)


def webhook(place: int = 60, **changes: Any) -> Webhook:
    base = Webhook(
        id=ident(place),
        organization_id=ORGANIZATION.id,
        url="https://example.com/hook",
        events=EVENTS,
        secret=Secret("a receiver's secret"),
    )
    return structs.replace(base, **changes)


async def owners(store: Store) -> None:
    """The two organizations."""
    async with store.write() as unit:
        await unit.organizations.insert(ORGANIZATION)
        await unit.organizations.insert(OTHER)
