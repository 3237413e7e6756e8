"""`python -m loadtest.core`: the CPU of the machines alone, in µs for one whole call.

No socket, no loop and no other process: what the carrier and the agent say is made from what the edge said to them,
and only the edge's part is timed, from the bytes of a message to the bytes of what it sends. So a figure moves with our
code and the interpreter and with little else, and a change of a few per cent is seen in seconds. What it leaves out
(the kernel, the loop, the journal's disk) is what `python -m loadtest` is for.

It measures the package that is installed; with `PYTHONPATH=src` before it, the sources as they stand.

The call: INVITE, 180, 200, ACK, BYE, 200, from a trunk known by its network to an agent known by its address.
"""

from __future__ import annotations

import argparse
import gc
import re
import statistics
import sys
from collections.abc import Iterable, Sequence
from time import process_time

from trunkline import build
from trunkline.call.core import Core
from trunkline.call.decision.admission import Admission
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Digest
from trunkline.call.decision.verdict import Policy
from trunkline.call.inputs import Resolved
from trunkline.call.leg.gate import Stateless
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import CloseMedia, OpenMedia, Output, Resolve
from trunkline.engine.perform import Performer
from trunkline.guard.nonce import Nonces
from trunkline.guard.overload import Overload
from trunkline.model.agent import Agent
from trunkline.model.change import Put
from trunkline.model.ids import mint
from trunkline.model.journal import JournalEntry
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.routing.table import Table
from trunkline.sip.flow import Flow
from trunkline.sip.timers import Timing
from trunkline.sip.token import Tokens

EDGE, CARRIER, AGENT = ("192.0.2.5", 5060), ("192.0.2.1", 5060), ("192.0.2.9", 5090)
FROM_CARRIER, FROM_AGENT = Flow("udp", EDGE, CARRIER), Flow("udp", EDGE, AGENT)
NUMBER, CALLER = "+12025550100", "+13035559876"
EPOCH = 1_700_000_000.0
APART = 0.01
"""Seconds between two calls on the machines' clock: their timers run as at 100 calls/s."""
LENGTH = 0.2
"""Seconds from answer to BYE."""


def audio(address: tuple[str, int], *payloads: tuple[int, str]) -> str:
    numbers = " ".join(str(number) for number, _ in payloads)
    lines = ["v=0", f"o=- 53655765 1 IN IP4 {address[0]}", "s=-", f"c=IN IP4 {address[0]}", "t=0 0"]
    lines += [f"m=audio 6000 RTP/AVP {numbers}", *(f"a=rtpmap:{number} {name}" for number, name in payloads)]
    return "\r\n".join([*lines, "a=ptime:20", "a=sendrecv", ""])


EVENTS = (101, "telephone-event/8000")
OFFER = audio(CARRIER, (0, "PCMU/8000"), (8, "PCMA/8000"), (9, "G722/8000"), EVENTS)
ANSWER = audio(AGENT, (0, "PCMU/8000"), EVENTS)


class Around:
    """All that the machines have around them: wires, journal, media, resolver and watcher, which keep what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Flow, bytes]] = []

    def send(self, flow: Flow, data: bytes, transaction: str = "") -> None:
        self.sent.append((flow, data))

    def fetch(self, url: str, call: str) -> None:
        raise AssertionError("nobody is vouched for")

    def refuse(self, source: str, everywhere: bool) -> None: ...

    def allow(self, source: str) -> None: ...

    def trust(self, flow: Flow) -> None: ...

    def close_flow(self, flow: Flow) -> None:
        raise AssertionError("datagrams need no connection")

    def ping(self, flow: Flow) -> None:
        raise AssertionError("nothing registers here")

    def append(self, entries: Sequence[JournalEntry]) -> None:
        pass

    def open(self, wish: OpenMedia) -> None:
        raise AssertionError("both parties have media of their own")

    def close(self, wish: CloseMedia) -> None:
        raise AssertionError("no media were opened")

    def find(self, question: Resolve) -> Resolved:
        return Resolved(question.leg, (FROM_AGENT,))

    def outputs(self, outs: Iterable[Output], now: float) -> None:
        pass


class Bench:
    """One core, and the seconds of CPU it took."""

    def __init__(self) -> None:
        organization, trunk, agent, number = (mint(EPOCH, bytes(9) + bytes([n])) for n in range(4))
        records = (
            Organization(id=organization, name="Load"),
            Trunk(
                id=trunk,
                organization_id=organization,
                name="carrier",
                networks=(f"{CARRIER[0]}/32",),
                codecs=("PCMU", "PCMA", "G722"),
                max_concurrent_calls=1000,
            ),
            Agent(id=agent, organization_id=organization, name="a", kind="sip", uri=f"sip:agent@{AGENT[0]}:{AGENT[1]}"),
            Number(id=number, organization_id=organization, e164=NUMBER, trunk_id=trunk, agent_id=agent),
        )
        digest = Digest("trunkline", Nonces(bytes(32)))
        arrival = Arrival(Table([Put(record) for record in records]), Admission(), digest, Policy())
        ua = UserAgent(Tokens("w0", b"bench"), Timing(), {}, "Trunkline", epoch=EPOCH)
        self.core = Core(ua, arrival, digest, Stateless(b"bench"), Overload())
        self.around = Around()
        self._performer = Performer(self.around, self.around, self.around, self.around, self.around, self.around)
        self._calls = 0
        self.now = 1000.0
        self.seconds = 0.0

    def take(self, text: str, flow: Flow, after: float) -> dict[bytes, bytes]:
        """One message in; what it made the edge send, by method or status."""
        data = text.encode()
        self.now += after
        now, core = self.now, self.core
        self.around.sent.clear()
        begun = process_time()
        self._performer.perform(core.receive(data, flow, now), core, now)
        self.seconds += process_time() - begun
        return {re.split(rb" ", sent, maxsplit=2)[sent.startswith(b"SIP/2.0 ")]: sent for _, sent in self.around.sent}

    def call(self) -> None:
        self._calls += 1
        number = self._calls
        invite = request("INVITE", number, f"sip:{NUMBER}@{EDGE[0]}", f"<sip:{NUMBER}@{EDGE[0]}>", OFFER)
        asked = self.take(invite, FROM_CARRIER, APART)[b"INVITE"]
        self.take(response(asked, "180 Ringing", f"a{number}"), FROM_AGENT, 0.001)
        ok = self.take(response(asked, "200 OK", f"a{number}", ANSWER), FROM_AGENT, 0.001)[b"200"]
        target, to = value(ok, "Contact").strip("<>"), value(ok, "To")
        self.take(request("ACK", number, target, to), FROM_CARRIER, 0.001)
        bye = self.take(request("BYE", number, target, to), FROM_CARRIER, LENGTH)[b"BYE"]
        self.take(response(bye, "200 OK", ""), FROM_AGENT, 0.001)
        begun = process_time()
        if self.core.deadline() <= self.now:
            self._performer.perform(self.core.expire(self.now), self.core, self.now)
        self.seconds += process_time() - begun

    def run(self, calls: int) -> float:
        """µs of CPU a call."""
        self.seconds = 0.0
        for _ in range(calls):
            self.call()
        if self.core.calls:
            raise AssertionError(f"{len(self.core.calls)} calls did not end")
        return self.seconds / calls * 1e6


def request(method: str, number: int, uri: str, to: str, body: str = "") -> str:
    """What the carrier says."""
    host, port = CARRIER
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{number}-{method}",
        f'From: "Carrier" <sip:{CALLER}@{host}:{port}>;tag=c{number}',
        f"To: {to}",
        f"Call-ID: {number}-7@{host}",
        f"CSeq: {2 if method == 'BYE' else 1} {method}",
        "Max-Forwards: 70",
    ]
    if body:
        lines += [
            f"Contact: <sip:{CALLER}@{host}:{port}>",
            "User-Agent: CarrierSBC/7.2",
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO",
            "Supported: timer, 100rel, replaces",
            f"P-Asserted-Identity: <sip:{CALLER}@{host}>",
            "Content-Type: application/sdp",
        ]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])


def response(asked: bytes, status: str, tag: str, body: str = "") -> str:
    """What the agent says to what it was asked."""
    lines = [f"SIP/2.0 {status}", *(f"{name}: {value(asked, name)}" for name in ("Via", "From", "Call-ID", "CSeq"))]
    lines += [f"To: {value(asked, 'To')}" + (f";tag={tag}" if tag else "")]
    lines += [f"Contact: <sip:{AGENT[0]}:{AGENT[1]};transport=UDP>"]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])


def value(message: bytes, name: str) -> str:
    found = re.search(rf"\r\n{name}: ([^\r]*)", message.decode())
    assert found is not None, message
    return found[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.core", description="CPU of the core for one whole call.")
    parser.add_argument("--calls", type=int, default=3000, help="calls of a run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs, of which the median counts (%(default)s)")
    parser.add_argument("--profile", action="store_true", help="where the time goes (of the pure core)")
    options = parser.parse_args(arguments)
    bench = Bench()
    bench.run(500)
    # As the edge does it: what lives for ever is not looked at again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    if options.profile:
        import cProfile
        import pstats

        profile = cProfile.Profile()
        profile.runcall(bench.run, options.calls)
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        return 0
    found = [bench.run(options.calls) for _ in range(options.rounds)]
    kind = "compiled" if build.compiled() else "pure Python"
    spread = f"{min(found):.0f} to {max(found):.0f}"
    print(f"{statistics.median(found):.0f} µs of CPU a call ({spread}, {options.rounds} × {options.calls}), {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
