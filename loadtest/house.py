"""A busy house for `scale`: a million calls and a hundred thousand numbers, written by the store's own writers.

One organization has nine of ten calls, one number a tenth of them; two hundred calls have a status that is rare.
"""

from __future__ import annotations

import sys

from loadtest.edges import AGENT, CARRIER
from trunkline.model.agent import Agent
from trunkline.model.call import CallRecord, LegRecord
from trunkline.model.ids import mint
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.store.store import Store

WALL = 1_770_000_000.0
_GROUP = 5000


def ident(number: int) -> str:
    """An id; a greater number is a later one."""
    return mint(WALL + number / 10, number.to_bytes(10, "big"))


def e164(place: int) -> str:
    return f"+1202{place:07}"


BUSY, QUIET = (Organization(id=ident(n), name=f"House {n}", created_at=WALL, updated_at=WALL) for n in (1, 2))


def a_call(place: int, numbers: int) -> CallRecord:
    start = WALL + place / 10
    failed = place % 7 == 0
    rare = place % 5000 == 77
    number = e164(0 if place % 10 == 3 else place * 7919 % numbers)
    legs = tuple(
        LegRecord(
            side=side,
            sip_call_id=f"{side}-{place:032x}@192.0.2.1",
            peer="udp:192.0.2.1:5060",
            uri="sip:+12025550100@192.0.2.9",
            started_at=start,
            answered_at=None if failed else start + 2,
            ended_at=start + 60,
            status=486 if failed else 200,
            codec="PCMU",
        )
        for side in ("caller", "agent")
    )
    return CallRecord(
        id=ident(place),
        organization_id=(QUIET if place % 10 == 5 else BUSY).id,
        direction="outbound" if place % 3 == 0 else "inbound",
        number_id=None,
        phone_number=number,
        caller="+14155550123",
        callee=number,
        status="no-answer" if rare else "failed" if failed else "completed",
        cause="busy" if failed else "normal",
        hung_up_by="caller",
        started_at=start,
        answered_at=None if failed else start + 2,
        ended_at=start + 60,
        legs=legs,
    )


CARRIED = Trunk(
    id=ident(3),
    organization_id=BUSY.id,
    name="carrier",
    networks=(f"{CARRIER[0]}/32",),
    codecs=("PCMU",),
    created_at=WALL,
    updated_at=WALL,
)
ANSWERS = Agent(
    id=ident(4),
    organization_id=BUSY.id,
    name="agent",
    kind="sip",
    uri=f"sip:agent@{AGENT[0]}:{AGENT[1]}",
    created_at=WALL,
    updated_at=WALL,
)


async def fill(store: Store, calls: int, numbers: int) -> None:
    async with store.write() as unit:
        await unit.organizations.insert(BUSY)
        await unit.organizations.insert(QUIET)
        await unit.trunks.insert(CARRIED)
        await unit.agents.insert(ANSWERS)
    for first in range(0, numbers, _GROUP):
        rows = [
            Number(
                id=ident(place),
                organization_id=BUSY.id,
                e164=e164(place),
                trunk_id=CARRIED.id,
                agent_id=ANSWERS.id,
                state="active",
                created_at=WALL,
                updated_at=WALL,
            )
            for place in range(first, min(first + _GROUP, numbers))
        ]
        async with store.write() as unit:
            await unit.numbers.insert_all(rows)
    for first in range(0, calls, _GROUP):
        records = [a_call(place, numbers) for place in range(first, min(first + _GROUP, calls))]
        async with store.write() as unit:
            await unit.calls.write(records, fresh=True)
        if sys.stderr.isatty():
            print(f"\r{first:,} calls", end="", file=sys.stderr)
