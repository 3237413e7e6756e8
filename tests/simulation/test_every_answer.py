"""Whatever a caller, two agents and somebody who picks calls up say to each other, in whatever order: every request has
its final answer in its time, nothing stays, and each call has one record."""

from __future__ import annotations

import random
from typing import Literal

import pytest
from msgspec.structs import replace

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    records,
)
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.world import World
from trunkline.call.inputs import HangUp, Input, SendDigits, Transfer
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request, Response

SECOND, TAKER, ELSEWHERE = "192.0.2.30", "192.0.2.40", "198.41.0.9"
TWO = replace(SIP_AGENT, id=id_of(70), uri=f"sip:two@{SECOND}:5060", ring_timeout=15.0)
BOTH = replace(SIP_AGENT, id=id_of(71), kind="group", uri=None, members=(SIP_AGENT.id, TWO.id))
TAKERS = Trunk(id=id_of(72), organization_id=ORGANIZATION.id, name="t", role="agent", networks=(f"{TAKER}/32",))
ABLE = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE, INFO, REFER, NOTIFY"
LESS = "Allow: INVITE, ACK, BYE, CANCEL, PRACK"
CALLERS = ["", f"Supported: 100rel, timer\n{ABLE}", f"Require: 100rel\n{ABLE}", f"Supported: 100rel, 199\n{LESS}"]
IN_TIME = 33.0
"""Seconds: 64·T1, and what messages take."""


class Chaos:
    """One world, made of one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World(seed)
        trunk = replace(TRUNK, allow_refer=True, ring_after=self.chance.choice([None, 1.0]))
        self.edge = Edge(self.world, records(TWO, BOTH, TAKERS, trunk, replace(NUMBER_RECORD, agent_id=BOTH.id)))
        self.caller, self.taker = (Peer(self.world, host, self.hears) for host in (CARRIER, TAKER))
        self.agents = [Peer(self.world, host, self.hears) for host in (AGENT, SECOND, ELSEWHERE)]
        self.open: list[tuple[Peer, Request]] = []
        """What somebody was asked and has not answered."""
        self.asked: list[tuple[Peer, str, str]] = []
        """Who asked the edge what, by its branch."""
        self.rseq: dict[tuple[str | None, str], int] = {}
        self.over = False

    def hears(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Response):
            if message.cseq_method == "INVITE" and message.status >= 200:
                branch = "" if message.status < 300 else message.via.branch or ""
                peer.inside("ACK", b"", message.cseq, "", message.call_id, branch, message.to_tag or "")
        elif message.method in ("CANCEL", "BYE") or (self.over and message.method not in ("ACK", "INVITE")):
            peer.reply(message, 200)
        elif self.over and message.method == "INVITE":
            peer.reply(message, 487)
        elif message.method != "ACK":
            self.open.append((peer, message))

    def ask(self, peer: Peer, method: str, tag: str | None, call_id: str = "c1") -> None:
        body = self.chance.choice([b"", MOVED, OFFER]) if method in ("INVITE", "UPDATE") else b""
        extra = {"REFER": f"Refer-To: <sip:z@{ELSEWHERE}:5060>", "NOTIFY": "Event: refer\nSubscription-State: active"}
        branch = peer.inside(method, body, extra=extra.get(method, ""), call_id=call_id, to_tag=tag)
        self.asked.append((peer, branch, method))

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self) -> None:
        """Somebody answers something."""
        if not self.open:
            return
        peer, request = self.open.pop(self.chance.randrange(len(self.open)))
        peer.remote_tag = request.from_tag or ""
        if request.method != "INVITE":
            status = self.chance.choice([100, 200, 200, 202, 408, 481, 488, 500])
            peer.reply(request, status, ANSWER if request.body and status == 200 else b"")
        else:
            status = self.chance.choice([100, 180, 183, 183, 199, 200, 200, 302, 401, 486, 491, 503])
            tag, extra = peer.tag + self.chance.choice(["", "x"]), self.chance.choice([ABLE, LESS])
            if status in (180, 183) and self.chance.random() < 0.7:
                key = request.via.branch, tag
                self.rseq[key] = self.rseq.get(key, 0) + 1
                extra += f"\nRequire: 100rel\nRSeq: {self.rseq[key]}"
            body = self.chance.choice([ANSWER, OFFER, b""]) if status in (183, 200) else b""
            peer.reply(request, status, body, extra, tag, f"sip:z@{ELSEWHERE}:5060" if status == 302 else "")
        if status < 200:
            self.open.append((peer, request))

    def acknowledge(self) -> None:
        """The caller's PRACK, of something that it heard."""
        heard = [m for m in self.caller.heard if isinstance(m, Response) and m.header("RSeq") is not None]
        if heard:
            told = self.chance.choice(heard[-3:])
            rack = f"RAck: {told.header('RSeq')} 1 INVITE"
            body = self.chance.choice([b"", b"", MOVED])
            self.asked.append((self.caller, self.caller.inside("PRACK", body, None, rack, to_tag=told.to_tag), "PRACK"))

    def speak(self) -> None:
        """The caller, or an agent, asks for something."""
        method = self.chance.choice(["UPDATE", "UPDATE", "INFO", "INVITE", "REFER", "NOTIFY", "OPTIONS", "BYE"])
        tags = [m.to_tag for m in self.caller.heard if isinstance(m, Response) and m.to_tag]
        agent = self.chance.choice(self.agents)
        invites = [request for request in agent.requests if request.method == "INVITE"]
        if invites and self.chance.random() < 0.6:
            agent.remote_tag, usual = invites[-1].from_tag or "", agent.tag
            agent.tag += self.chance.choice(["", "x"])
            self.ask(agent, method, None, invites[-1].call_id)
            agent.tag = usual
        elif tags:
            self.ask(self.caller, method, self.chance.choice(tags))

    def pick_up(self) -> None:
        """Somebody asks for the place of an agent."""
        agent = self.chance.choice(self.agents)
        invites = [request for request in agent.requests if request.method == "INVITE"]
        if invites:
            named = f"{invites[0].call_id};to-tag={invites[0].from_tag};from-tag={agent.tag}"
            branch = self.taker.invite(OFFER, f"Replaces: {named}\n{ABLE}", f"t{len(self.asked)}")
            self.asked.append((self.taker, branch, "INVITE"))

    def command(self) -> None:
        for call in list(self.edge.core.calls)[:1]:
            mode: Literal["invite", "refer"] = self.chance.choice(["invite", "refer"])
            away = Transfer("t", call, f"sip:z@{ELSEWHERE}:5060", mode=mode, timeout=8.0)
            wishes: list[Input] = [HangUp(call), SendDigits("d", call, "12"), away]
            self.edge.give(self.chance.choice(wishes))

    def give_up(self) -> None:
        self.caller.inside("CANCEL", cseq=1, branch=self.asked[0][1], to_tag="")

    def settle(self) -> None:
        """The first agent shows early media, and everybody has acknowledged it."""
        self.world.run(0.05)
        agent, invite = self.open[0]
        self.rseq[invite.via.branch, agent.tag] = 1
        agent.reply(invite, 183, ANSWER, f"{ABLE}\nRequire: 100rel\nRSeq: 1")
        self.world.run(0.05)
        told = self.caller.response(183)
        rack = f"RAck: {told.header('RSeq')} 1 INVITE"
        self.asked.append((self.caller, self.caller.inside("PRACK", extra=rack, to_tag=told.to_tag), "PRACK"))
        self.world.run(0.05)

    def run(self) -> None:
        settled = self.chance.random() < 0.5
        offer, extra = self.chance.choice([OFFER, OFFER, b""]), self.chance.choice(CALLERS)
        branch = self.caller.invite(*((OFFER, CALLERS[1]) if settled else (offer, extra)))
        self.asked.append((self.caller, branch, "INVITE"))
        if settled:
            self.settle()
        what = [self.answer, self.acknowledge, self.speak, self.pick_up, self.command, self.give_up]
        for act in self.chance.choices(what, [40, 12, 30, 8, 5, 5], k=self.chance.randrange(5, 30)):
            self.world.run(self.chance.choice([0.0, 0.002, 0.05, 0.3, 1.0, 5.0, 17.0]))
            act()
        for call in list(self.edge.core.calls):
            self.edge.give(HangUp(call))
        self.over = True
        for peer, request in self.open:
            peer.reply(request, 487 if request.method == "INVITE" else 200)
        self.world.run(400.0)

    def late(self) -> list[str]:
        """The requests whose final answer never came, or not in its time."""
        found = []
        for peer, branch, method in self.asked:
            name = branch.encode()
            begun = next(seen.at for seen in self.world.seen if name in seen.data and seen.source == peer.address)
            ends = [
                seen.at
                for seen in self.world.seen
                if seen.target == peer.address
                and name + b";" in seen.data
                and seen.data[8:9] in b"23456"
                and f" {method}\r\n".encode() in seen.data
            ]
            if not ends or (method != "INVITE" and ends[0] - begun > IN_TIME):
                found.append(f"{method} {branch}")
        return found


@pytest.mark.parametrize("first", range(0, 1250, 250))
def test_every_request_has_its_answer_in_its_time(first: int) -> None:
    for seed in range(first, first + 250):
        chaos = Chaos(seed)
        chaos.run()
        assert chaos.edge.clean() == {}, (seed, chaos.world.ladder())
        chaos.edge.whole()
        assert chaos.late() == [], (seed, chaos.world.ladder())
