"""A million calls and a hundred thousand numbers: how long does each question to the store take?

    python -m loadtest.scale --calls 1000000                      # on SQLite, in a temporary folder
    python -m loadtest.scale --url postgresql://user@host/empty   # on PostgreSQL, in an empty database

The store is filled by its own writers, with the calls of a busy house: one organization has nine of ten, one number a
tenth of them. Then every list, filter, sum and detail is asked for again and again, as the API asks for it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from trunkline.model.call import CallRecord, LegRecord
from trunkline.model.ids import mint
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.store.store import Store, Unit

WALL = 1_770_000_000.0
_GROUP = 5000
_LIMIT = 0.05
"""Seconds, at the median, that a page that people look at may take."""

Ask = Callable[[Unit], Awaitable[Any]]


def ident(number: int) -> str:
    """An id; a greater number is a later one."""
    return mint(WALL + number / 10, number.to_bytes(10, "big"))


def e164(place: int) -> str:
    return f"+1202{place:07}"


BUSY, QUIET = (Organization(id=ident(n), name=f"House {n}", created_at=WALL, updated_at=WALL) for n in (1, 2))


def a_call(place: int, numbers: int) -> CallRecord:
    start = WALL + place / 10
    failed = place % 7 == 0
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
        number_id=ident(30),
        phone_number=number,
        caller="+14155550123",
        callee=number,
        status="failed" if failed else "completed",
        cause="busy" if failed else "normal",
        hung_up_by="caller",
        started_at=start,
        answered_at=None if failed else start + 2,
        ended_at=start + 60,
        legs=legs,
    )


async def fill(store: Store, calls: int, numbers: int) -> None:
    async with store.write() as unit:
        await unit.organizations.insert(BUSY)
        await unit.organizations.insert(QUIET)
    for first in range(0, numbers, _GROUP):
        rows = [
            Number(
                id=ident(place),
                organization_id=BUSY.id,
                e164=e164(place),
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
            await unit.calls.write(records)
        if sys.stderr.isatty():
            print(f"\r{first:,} calls", end="", file=sys.stderr)


def questions(calls: int, numbers: int) -> dict[str, Ask]:
    """What is asked, by the words that a report has for it."""
    busy, middle, many = BUSY.id, WALL + calls / 20, 100

    def page(**more: Any) -> Ask:
        return lambda unit: unit.calls.page(**{"organization": busy, "per_page": many, **more})

    def listed(**more: Any) -> Ask:
        return lambda unit: unit.numbers.page(**{"organization": busy, "per_page": many, **more})

    return {
        "calls": page(),
        "calls, page 100": page(page=100),
        "calls, last page": page(page=calls * 9 // 10 // many),
        "calls of all organizations": page(organization=None),
        "calls, one status": page(status="failed"),
        "calls, a status that none has": page(status="no-answer"),
        "calls, outbound": page(direction="outbound"),
        "calls of a day": page(start=middle, end=middle + 8640),
        "calls of a number": page(phone_number=e164(17)),
        "calls of the busiest number": page(phone_number=e164(0)),
        "calls of all organizations, one status": page(organization=None, status="failed"),
        "one call": lambda unit: unit.calls.get(ident(calls // 2), organization=busy),
        "one call by SIP Call-ID": lambda unit: unit.calls.by_sip_call_id(
            f"caller-{calls // 2:032x}@192.0.2.1", organization=busy
        ),
        "sums of a number": lambda unit: unit.calls.stats(busy, e164(17)),
        "sums of the busiest number": lambda unit: unit.calls.stats(busy, e164(0)),
        "outbound minutes of a day": lambda unit: unit.calls.outbound_minutes(WALL + calls / 10 - 8640),
        "numbers": listed(),
        "numbers, last page": listed(page=numbers // many),
        "numbers of a state": listed(states=["suspended"]),
        "number by its E.164": lambda unit: unit.numbers.by_e164(e164(numbers // 2)),
    }


async def asked(store: Store, ask: Ask, times: int) -> list[float]:
    """Seconds of each try, after one that warms the caches."""
    taken = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        async with store.read() as unit:
            await ask(unit)
        taken.append(time.perf_counter() - begin)
        if sum(taken) > 10:
            break
    return sorted(taken[1:])


async def measure(url: str, folder: Path, calls: int, numbers: int, times: int) -> bool:
    """Prints a line for each question; whether all were answered in time."""
    store = await Store.open(url, folder / "secret.key")
    begin = time.perf_counter()
    await fill(store, calls, numbers)
    if store.database.backend == "postgresql":
        async with store.read() as unit:  # what it does by itself after a minute
            await (await unit.session.connection.execution_options(isolation_level="AUTOCOMMIT")).exec_driver_sql(
                "VACUUM ANALYZE"
            )
    print(f"\rfilled with {calls:,} calls and {numbers:,} numbers in {time.perf_counter() - begin:.0f} s")
    good = True
    for words, ask in questions(calls, numbers).items():
        taken = await asked(store, ask, times)
        median, worst = statistics.median(taken), taken[-1 - len(taken) // 100]
        good &= median <= _LIMIT
        print(f"{words:40} {median * 1e3:9.1f} {worst * 1e3:9.1f} ms{'' if median <= _LIMIT else '  slow'}", flush=True)
    begin = time.perf_counter()
    found = len(await store.load_snapshot())
    print(f"{found:,} records read for the start in {time.perf_counter() - begin:.1f} s")
    await store.close()
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="an empty database; a SQLite file in a temporary folder")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--numbers", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=50, help="how often each question is asked")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-scale-") as folder:
        home = Path(folder)
        url = given.url or f"sqlite:///{home}/trunkline.db"
        return not asyncio.run(measure(url, home, given.calls, given.numbers, given.times))


if __name__ == "__main__":
    sys.exit(main())
