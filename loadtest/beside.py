"""What calls notice of a busy API: their set-up, alone and beside hundreds of requests a second.

One edge, and rounds that take turns: the calls alone, then the same calls while clients ask the API (`asking.MIX`:
reads of records and of the log, lists, and one write in ten, each with a key that has a budget). *Set-up* is INVITE →
200 as the carrier meets it, by the kernel's timestamps; *inside* is that less what the agent took. Whatever else runs
on the machine only makes a round slower, so what counts is the best round of each kind.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from loadtest import behaviours
from loadtest.asking import MIX, Operator, Told, Wish
from loadtest.capture import Quantiles, answers, capture, quantiles
from loadtest.edges import AGENT, CARRIER, EDGE, NUMBER
from loadtest.edges.trunkline import API, Trunkline
from loadtest.measure import offer, started
from loadtest.process import Failed, alone, cpu_seconds, end
from trunkline.model.ids import mint

ADDED = 0.005
"""Seconds that requests may add to the set-up at its 99th percentile."""
WARM = 2.0
"""Seconds of calls before the first round."""
NUMBERS, AGENTS, TRUNKS, KEYS = 1000, 20, 20, 10


class Round(NamedTuple):
    calls: int
    failed: int
    set_up: Quantiles
    inside: Quantiles | None
    cpu: float
    """Seconds of the edge."""
    told: Told | None


def measured(pid: int, folder: Path, rate: float, seconds: float, wish: Wish | None) -> Round:
    """Calls at `rate`; with a `wish`, while that is asked too."""
    path = folder / "beside.pcap"
    before = cpu_seconds(pid)
    with capture(path, (CARRIER[0], AGENT[0])), asking(wish) as told:
        count, _, _, _ = offer(folder, behaviours.call(), rate, seconds, EDGE)
    cpu = cpu_seconds(pid) - before
    whole = answers(path, CARRIER[0], EDGE[0])
    beyond = answers(path, EDGE[0], AGENT[0])
    inside = None
    if len(whole) == len(beyond):
        inside = quantiles([one - other for one, other in zip(whole, beyond, strict=True)])
    return Round(count.created, count.created - count.succeeded, quantiles(whole), inside, cpu, told())


class Answered:
    """What the clients say, once they are done."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self._process = process

    def __call__(self) -> Told | None:
        if self._process is None:
            return None
        assert self._process.stdout is not None
        return msgspec.json.decode(self._process.stdout.read(), type=Told)


@contextmanager
def asking(wish: Wish | None) -> Iterator[Answered]:
    if wish is None:
        yield Answered(None)
        return
    process = subprocess.Popen([sys.executable, "-m", "loadtest.asking"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        stdin: IO[bytes] | None = process.stdin
        assert stdin is not None
        stdin.write(msgspec.json.encode(wish))
        stdin.close()
        yield Answered(process)
        process.wait(wish.seconds + 30)
    finally:
        end(process)


def records() -> dict[str, object]:
    """What the load calls, and as much beside it as a small carrier's customer has, under ids that the API knows."""
    of = {"organization_id": _id(0)}
    trunks = [{"id": _id(1), **of, "name": "Carrier", "networks": [f"{CARRIER[0]}/32"]}]
    agents = [{"id": _id(1), **of, "name": "Agent", "kind": "sip", "uri": f"sip:agent@{AGENT[0]}:{AGENT[1]}"}]
    trunks += [
        {"id": _id(at), **of, "name": f"Trunk {at}", "networks": [f"192.0.2.{at}/32"]} for at in range(2, TRUNKS)
    ]
    agents += [
        {"id": _id(at), **of, "name": f"Agent {at}", "kind": "sip", "uri": f"sip:{at}@127.0.0.23:5091"}
        for at in range(2, AGENTS)
    ]
    numbers = [
        {
            "id": _id(at),
            **of,
            "e164": f"+1202555{at:04}" if at > 1 else NUMBER,
            "trunk_id": _id(1 + at % (TRUNKS - 1) if at > 1 else 1),
            "agent_id": _id(1 + at % (AGENTS - 1) if at > 1 else 1),
        }
        for at in range(1, NUMBERS)
    ]
    return {
        "organizations": [{"id": _id(0), "name": "Load"}],
        "trunks": trunks,
        "agents": agents,
        "numbers": numbers,
    }


def _id(at: int) -> str:
    return mint(1.0, at.to_bytes(10, "big"))


def wish_of(folder: Path, rate: float, seconds: float) -> Wish:
    """Keys of an organization, each with its budget, and what there is to ask for."""
    url = f"http://{API[0]}:{API[1]}"
    operator = Operator(url, (folder / "data" / "operator.key").read_text().strip(), _id(0))
    hourly = min(1_000_000, int(2 * rate * 3600 / KEYS))
    keys = [
        operator.ask("POST", "/v1/api-keys", {"name": f"Client {at}", "role": "admin", "requests_per_hour": hourly})
        for at in range(KEYS)
    ]
    things = {
        "number": operator.ask("GET", "/v1/phone-numbers?per_page=100")["data"],
        "agent": operator.ask("GET", "/v1/agents?per_page=100")["data"],
        "trunk": operator.ask("GET", "/v1/sip/trunks?per_page=100")["data"],
        "call": operator.ask("GET", "/v1/calls?per_page=100")["data"],
    }
    return Wish(
        host=API[0],
        port=API[1],
        keys=tuple([key["key"] for key in keys]),
        rate=rate,
        seconds=seconds,
        things={name: tuple([thing["id"] for thing in found]) for name, found in things.items()},
    )


def compare(calls: float, requests: float, seconds: float, rounds: int, *, verbose: bool = False) -> list[str]:
    """Prints what was found; what is wrong with it."""
    rows: dict[bool, list[Round]] = {False: [], True: []}
    with started(Trunkline(routing=records())) as (pid, folder):
        offer(folder, behaviours.call(), calls, WARM, EDGE)
        wish = wish_of(folder, requests, seconds)
        print(f"{calls:g} calls/s for {seconds:g} s, alone and beside {requests:g} requests/s to the API; milliseconds")
        print(f"{'':8}{'calls':>7}{'failed':>7}{'p50':>8}{'p99':>8}{'inside p50':>12}{'p99':>8}{'cpu s':>7}  API")
        for number in range(rounds):
            for busy in (False, True):
                found = measured(pid, folder, calls, seconds, wish if busy else None)
                rows[busy].append(found)
                print(_line("beside" if busy else "alone", found), flush=True)
                if verbose and number == rounds - 1 and found.told is not None:
                    _tell(found.told)
    return _verdict(rows[False], rows[True])


def _line(name: str, found: Round) -> str:
    inside = "" if found.inside is None else f"{found.inside.p50 * 1e3:12.2f}{found.inside.p99 * 1e3:8.2f}"
    told = "" if found.told is None else f"  {found.told.rate:.0f}/s, {found.told.answered} answered"
    if found.told is not None and found.told.refused:
        told += f", refused {found.told.refused}"
    return (
        f"{name:8}{found.calls:7}{found.failed:7}{found.set_up.p50 * 1e3:8.2f}{found.set_up.p99 * 1e3:8.2f}"
        f"{inside or ' ' * 20}{found.cpu:7.2f}{told}"
    )


def _tell(told: Told) -> None:
    for kind in MIX:
        if kind.name in told.slow:
            count, half, most = told.slow[kind.name]
            print(f"  {kind.name:24}{count:6}  p50 {half * 1e3:7.1f}  p99 {most * 1e3:7.1f}")


def _verdict(alone: list[Round], beside: list[Round]) -> list[str]:
    calm, busy = min(each.set_up.p99 for each in alone), min(each.set_up.p99 for each in beside)
    print(
        f"set-up p99, best rounds: {calm * 1e3:.2f} ms alone, {busy * 1e3:.2f} ms beside: {(busy - calm) * 1e3:+.2f} ms"
    )
    within = [[each.inside.p99 for each in rows if each.inside is not None] for rows in (alone, beside)]
    if within[0] and within[1]:
        print(f"inside the edge: {(min(within[1]) - min(within[0])) * 1e3:+.2f} ms")
    faults = []
    if busy - calm >= ADDED:
        faults.append(f"the set-up took {(busy - calm) * 1e3:.2f} ms longer at p99; {ADDED * 1e3:g} ms are allowed")
    faults += [f"{each.failed} of {each.calls} calls failed" for each in (*alone, *beside) if each.failed]
    for each in beside:
        assert each.told is not None
        if each.told.refused:
            faults.append(f"of {each.told.asked} requests were refused: {each.told.refused}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=float, default=50.0, help="a second (%(default)g)")
    parser.add_argument("--requests", type=float, default=500.0, help="a second (%(default)g)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of a round (%(default)g)")
    parser.add_argument("--rounds", type=int, default=4, help="of each kind (%(default)s)")
    parser.add_argument("--kinds", action="store_true", help="say how long each kind of request took")
    given = parser.parse_args()
    try:
        faults = compare(given.calls, given.requests, given.seconds, given.rounds, verbose=given.kinds)
    except Failed as failed:
        faults = [str(failed)]
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    with alone():
        sys.exit(main())
