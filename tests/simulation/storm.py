"""One day of bad luck, made from a seed: phones with habits of their own, a network with weather, machines that die,
operators who interfere. Whatever happens, what `settle` looks at must hold."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from functools import partial

import msgspec

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    ECHO_AGENT,
    EDGE,
    NUMBER,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    records,
)
from tests.simulation.phone import ANSWER, MOVED, OFFER, Leg, Phone
from tests.simulation.world import Weather, World
from trunkline.call.events import Asked, Replied
from trunkline.call.extensions import Extensions
from trunkline.call.inputs import Drain, HangUp, Interrupted, MediaEnded, MediaFailed
from trunkline.call.outputs import Output
from trunkline.call.uac_leg import UacLeg
from trunkline.call.uas_leg import UasLeg
from trunkline.model.agent import Agent
from trunkline.model.journal import Answered, Began, DialogState, Ended
from trunkline.model.number import Number, NumberConfig
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Transport

URI = f"sip:{NUMBER}@{EDGE}"
SECOND_CARRIER, SECOND_AGENT = "192.0.2.20", "192.0.2.90"
WEATHERS = {
    "calm": Weather(),
    "slow": Weather(delay=(0.2, 0.2)),
    "rain": Weather(loss=0.05, doubled=0.3, delay=(0.001, 0.1)),
    "storm": Weather(loss=0.15, doubled=0.1, delay=(0.005, 0.4)),
    "flood": Weather(loss=0.35, doubled=0.2, delay=(0.005, 1.5)),
}
_LONG = 60.0
_SETTLED = 400.0


class Watched(Edge):
    """It looks at its limits after every turn."""

    limits: dict[str, int]

    def perform(self, outputs: list[Output]) -> None:
        super().perform(outputs)
        for trunk, most in self.limits.items():
            assert self.core.arrival.admission.capacity.used(trunk) <= most


class Storm:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = chance = random.Random(seed)
        self.weather = chance.choice(list(WEATHERS))
        self.world = World(seed, WEATHERS[self.weather])
        self.transport: Transport = chance.choice(["udp", "udp", "udp", "tcp"])
        self.crashed: list[Edge] = []
        self.edge = self._edge(0)
        self.carriers = [
            Phone(self.world, CARRIER, seed=seed, transport=self.transport),
            Phone(self.world, SECOND_CARRIER, seed=seed),
        ]
        self.agents = [Phone(self.world, host, self._answering, seed) for host in (AGENT, SECOND_AGENT)]
        for phone in self.carriers + self.agents:
            phone.says_trying = chance.random() < 0.8
            phone.asked = self._asked(phone)
            phone.replied = self._replied(phone)
            # A short session is refreshed while the storm lasts.
            phone.ua.extensions = Extensions(chance.choice([0, 90, 1800]), 90, chance.random() < 0.5)

    # ── the schedule ──────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        chance, world = self.chance, self.world
        for _ in range(chance.randint(1, 4)):
            carrier = chance.choice(self.carriers)
            world.after(chance.uniform(0, 3), partial(self._dial, carrier))
        for happening in (
            self._operator,
            self._drain,
            self._death,
            self._no_route,
            self._lost_connection,
            self._crash,
            self._media,
        ):
            if chance.random() < 0.18:
                world.after(chance.uniform(0, 15), happening)
        world.run(_LONG)
        for phone in self.carriers + self.agents:
            phone.hang_up_all()
        for call in list(self.edge.core.calls):
            self.edge.give(HangUp(call))
        world.run(_SETTLED)

    def settle(self) -> None:
        """What must hold when all is over."""
        context = f"seed {self.seed} {self.weather} {self.transport}\n{self.world.ladder()}"
        assert self.edge.clean() == {}, context
        assert self.edge.media == set(), context
        for phone in self.carriers + self.agents:
            if phone.address not in self.world.nodes:
                continue
            assert phone.idle(), f"{phone.address} {phone.legs} {context}"
            assert phone.ua.layer.clients == {}, context
            assert phone.ua.layer.servers == {}, context
        for edge in [*self.crashed, self.edge]:
            ended = [entry.record.id for entry in edge.journal if isinstance(entry, Ended)]
            assert len(ended) == len(set(ended)) == len(edge.finished), context
            began = {entry.record.id for entry in edge.journal if isinstance(entry, Began)}
            assert edge in self.crashed or began <= set(ended), context
        self._one_answer_each(context)
        self._nothing_leaks(context)

    def _one_answer_each(self, context: str) -> None:
        """No INVITE of a carrier's has two different final answers."""
        finals: dict[bytes, set[bytes]] = defaultdict(set)
        for seen in self.world.seen:
            to_carrier = seen.source[0] == EDGE and seen.target[0] in (CARRIER, SECOND_CARRIER)
            if to_carrier and seen.data.startswith(b"SIP/2.0 ") and seen.data[8:9] != b"1":
                head = seen.data.partition(b"\r\n\r\n")[0]
                if b" INVITE" in head:
                    finals[head.partition(b"branch=")[2].partition(b";")[0]].add(seen.data[8:11])
        if not self.crashed:
            assert all(len(statuses) == 1 for statuses in finals.values()), context

    def _nothing_leaks(self, context: str) -> None:
        """What is said to one side names nothing of the other's: no host, no Call-ID, no tag; hosts of media apart."""
        sides = [{phone.address[0] for phone in phones} for phones in (self.carriers, self.agents)]
        for ours, theirs in (sides, sides[::-1]):
            secrets = {f"{host}\r\n".encode() for host in theirs} | {f"{host}:".encode() for host in theirs}
            for seen in self.world.seen:
                if seen.source[0] in theirs and seen.data.startswith(b"INVITE "):
                    head = seen.data.partition(b"\r\n\r\n")[0]
                    secrets.add(head.partition(b"\r\nCall-ID: ")[2].partition(b"\r\n")[0])
                    secrets.add(head.partition(b"\r\nFrom: ")[2].partition(b";tag=")[2].partition(b"\r\n")[0])
            for seen in self.world.seen:
                if seen.source[0] == EDGE and seen.target[0] in ours:
                    text = seen.data.replace(b"c=IN IP4 ", b"")
                    found = [secret for secret in secrets if secret in text and b"c=IN IP4 " + secret not in seen.data]
                    assert found == [], f"{found} {text!r} {context}"

    # ── who takes part ────────────────────────────────────────────────────────────────────────────────────────────────

    def _edge(self, generation: int) -> Watched:
        chance = self.chance if generation == 0 else random.Random(self.seed)
        limit = chance.choice([None, 1, 2])
        first = msgspec.structs.replace(
            TRUNK,
            transport=self.transport,
            max_concurrent_calls=limit,
            ring_after=chance.choice([None, None, 0.5]),
            nat=chance.random() < 0.2,
            trust_identity=chance.random() < 0.3,
        )
        second = Trunk(id=id_of(20), organization_id=ORGANIZATION.id, name="second", networks=(f"{SECOND_CARRIER}/32",))
        bots = [
            msgspec.structs.replace(SIP_AGENT, ring_timeout=chance.choice([3.0, 20.0])),
            Agent(
                id=id_of(21), organization_id=ORGANIZATION.id, name="second", kind="sip",
                uri=f"sip:bot@{SECOND_AGENT}{chance.choice(['', ';transport=tcp'])}", ring_timeout=5.0,
            ),
        ]  # fmt: skip
        last = chance.choice([None, None, ECHO_AGENT.id])
        members = (*[bot.id for bot in bots], *([last] if last else []))
        group = Agent(id=id_of(22), organization_id=ORGANIZATION.id, name="all", kind="group", members=members)
        agent = chance.choice([bots[0], bots[0], group, group, ECHO_AGENT])
        config = NumberConfig(max_duration=chance.choice([None, None, 5]))
        number: Number = msgspec.structs.replace(NUMBER_RECORD, agent_id=agent.id, config=config, trunk_id=None)
        edge = Watched(self.world, records(first, second, *bots, group, number), seed=f"edge{generation}".encode())
        edge.limits = {} if limit is None else {first.id: limit}
        return edge

    def _dial(self, carrier: Phone) -> None:
        chance, world = self.chance, self.world
        required = "Require: 100rel\r\n" if chance.random() < 0.2 else ""
        leg = carrier.dial(URI, OFFER if chance.random() < 0.75 else b"", required)
        self._live(carrier, leg)
        # Some give up early: that is where CANCEL meets everything else.
        world.after(chance.expovariate(1 / 4.0), lambda: carrier.hang_up(leg))

    def _answering(self, phone: Phone, leg: UasLeg) -> None:
        chance, after = self.chance, self.world.after
        if chance.random() < 0.8:
            status, early = chance.choice([180, 180, 183]), chance.choice(["", "a"])
            media = ANSWER if status == 183 and leg.request is not None and leg.request.body else b""
            after(chance.uniform(0, 1), lambda: phone.ring(leg, status, media, early))
        if chance.random() < 0.25:
            refusal = chance.choice([302, 401, 408, 480, 486, 488, 503, 603])
            after(chance.uniform(0, 3), lambda: phone.refuse(leg, refusal))
        elif chance.random() < 0.9:
            after(chance.expovariate(1 / 1.5), lambda: phone.answer(leg))
            self._live(phone, leg)
            if chance.random() < 0.5:
                after(chance.uniform(1, 12), lambda: phone.hang_up(leg) if leg.session is not None else None)

    def _live(self, phone: Phone, leg: Leg) -> None:
        """Now and then it asks for a change, and sometimes takes that back."""
        chance, after = self.chance, self.world.after
        for n in range(chance.choice([0, 0, 1, 2])):
            method = chance.choice(["INVITE", "INVITE", "UPDATE", "INFO"])
            body = chance.choice([OFFER, MOVED, MOVED, MOVED.replace(b"sendrecv", b"sendonly"), b""])
            when = chance.uniform(1, 10)
            after(when, partial(self._ask, phone, leg, method, body, n))
            if method == "INVITE" and chance.random() < 0.3:
                after(when + chance.uniform(0, 0.5), partial(phone.withdraw, leg, f"x{n}"))

    def _ask(self, phone: Phone, leg: Leg, method: str, body: bytes, n: int) -> None:
        if leg.session is not None and not leg.session.ended and not leg.session.asking.changing:
            phone.ask(leg, method, body, f"x{n}")

    def _asked(self, phone: Phone) -> Callable[[Leg, Asked], object]:
        def asked(leg: Leg, event: Asked) -> None:
            chance = self.chance
            luck = chance.random()
            if luck < 0.7:
                self.world.after(chance.choice([0.0, 0.0, 1.0]), lambda: phone.agree(leg, event))
            elif luck < 0.9:
                phone.reply(leg, event.exchange, chance.choice([400, 481, 488, 491, 500, 603]))
            # Else it forgets.

        return asked

    def _replied(self, phone: Phone) -> Callable[[Leg, Replied], object]:
        def replied(leg: Leg, event: Replied) -> None:
            # §14.1: who owns the Call-ID waits longer.
            least = 2.1 if isinstance(leg, UacLeg) else 0.0
            if event.status == 491:
                wait = self.chance.uniform(least, least + 2.0)
                self.world.after(wait, lambda: self._ask(phone, leg, "INVITE", MOVED, 9))

        return replied

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _operator(self) -> None:
        for call in list(self.edge.core.calls):
            self.edge.give(HangUp(call))

    def _drain(self) -> None:
        self.edge.give(Drain(True))

    def _death(self) -> None:
        """A machine is gone for good, and what it held with it."""
        phones = self.agents + self.carriers
        phone = self.chance.choice(phones)
        if self.world.nodes.get(phone.address) is phone:
            self.world.remove(phone.address)

    def _no_route(self) -> None:
        self.edge.unreachable.add(self.chance.choice([AGENT, SECOND_AGENT, CARRIER]))

    def _lost_connection(self) -> None:
        self.edge.broken.add(f"c:{CARRIER}")

    def _media(self) -> None:
        for leg in list(self.edge.media):
            self.edge.give(
                MediaEnded(leg, "silent") if self.chance.random() < 0.5 else MediaFailed(leg, 503, "no port")
            )

    def _crash(self) -> None:
        """The process is gone; another starts from the journal and ends what was open."""
        old = self.edge
        self.crashed.append(old)
        self.edge = self._edge(len(self.crashed))
        for dialog in open_dialogs(old):
            self.edge.give(Interrupted(dialog))


def open_dialogs(edge: Edge) -> list[DialogState]:
    """Those of the calls that were answered and not ended."""
    dialogs: dict[str, tuple[DialogState, ...]] = {}
    for entry in edge.journal:
        if isinstance(entry, Answered):
            dialogs[entry.record.id] = entry.dialogs
        elif isinstance(entry, Ended):
            dialogs.pop(entry.record.id, None)
    return [dialog for both in dialogs.values() for dialog in both]
