"""One day of bad luck, made from a seed: an organization, people with habits of their own, a network with weather,
machines that die, operators who interfere. Whatever happens, what `settle` looks at must hold."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.simulation.edge import ECHO_AGENT, EDGE, NUMBER, ORGANIZATION, SIP_AGENT, TRUNK, id_of, open_dialogs
from tests.simulation.registrar import Registrar
from tests.simulation.storm import actor
from tests.simulation.storm.actor import Actor, Forker, Registered, Stranger, replaces, rings
from tests.simulation.storm.edge import GROUP, LINE, Watched, vouched
from tests.simulation.storm.judge import judge
from tests.simulation.world import Weather, World
from trunkline.call.inputs import (
    AddBan,
    Certified,
    Drain,
    FlowClosed,
    HangUp,
    Interrupted,
    MediaEnded,
    MediaFailed,
    Originate,
    SendDigits,
    Transfer,
    Try,
)
from trunkline.model.change import Put
from trunkline.sip.flow import Address, Flow, Transport

WEATHERS = {
    "calm": Weather(),
    "slow": Weather(delay=(0.2, 0.2)),
    "rain": Weather(loss=0.05, doubled=0.3, delay=(0.001, 0.1)),
    "storm": Weather(loss=0.15, doubled=0.1, delay=(0.005, 0.4)),
    "flood": Weather(loss=0.35, doubled=0.2, delay=(0.005, 1.5)),
}
_SETTLED = 700.0
"""Seconds after which the longest memory of a failed address is gone."""


class Storm:
    """`run` lets it pass, `settle` judges it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = chance = random.Random(seed)
        self.weather = chance.choice(list(WEATHERS))
        self.world = World(seed, WEATHERS[self.weather])
        self.transport: Transport = chance.choice(["udp", "udp", "udp", "tcp"])
        self.crashed: list[Watched] = []
        self.crashes: list[float] = []
        self.happened: list[str] = []
        """What is no message, for the reader of a failure."""
        self.dead: set[str] = set()
        self.registered = False
        """Whether the line was registered when all was well again."""
        self.edge = Watched(self.world, chance, self.transport, 0)
        self.carriers = [
            Actor(self.world, actor.CARRIER, chance, seed, self.transport),
            Actor(self.world, actor.SECOND_CARRIER, chance, seed),
        ]
        self.agents = [Actor(self.world, host, chance, seed) for host in (actor.AGENT, actor.SECOND_AGENT)]
        self.desk = Actor(self.world, actor.DESK, chance, seed)
        self.pbx = Registered(self.world, actor.PBX, chance, seed)
        self.forker = Forker(self.world, chance)
        self.stranger = Stranger(self.world, chance)
        self.luck = random.Random(f"registrar {seed}")
        self.registrar = Registrar(self.world, actor.REGISTRAR) if self.luck.random() < 0.2 else None
        if self.registrar is not None:
            self.registrar.granted = self.luck.choice([60, 600, 3600])
            self.edge.core.apply([Put(LINE)], self.world.now)

    @property
    def phones(self) -> list[Actor]:
        return [*self.carriers, *self.agents, self.desk, self.pbx]

    # ── the schedule ──────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        chance, world = self.chance, self.world
        begins: list[Callable[[], object]] = [self._call_in, self._call_in, self._call_in, self._call_out, self._begin]
        for _ in range(chance.randint(1, 4)):
            world.after(chance.uniform(0, 3), chance.choice(begins))
        if chance.random() < 0.5:
            world.after(chance.uniform(0, 1), self.pbx.register)
            if chance.random() < 0.5:
                world.after(chance.uniform(2, 90), self.pbx.leave)
        happenings = (
            self._operator, self._drain, self._death, self._no_route, self._lost_connection, self._crash, self._media,
            self._partition, self._transfer, self._transfer, self._digits, self._replace, self._knock, self._try,
            self._ban, self._remove,
        )  # fmt: skip
        for happening in happenings:
            if chance.random() < 0.12:
                world.after(chance.uniform(0, 15), happening)
        if self.luck.random() < 0.2:
            world.after(self.luck.uniform(0, 15), self._restart)
        if self.registrar is not None:
            for _ in range(self.luck.randint(0, 3)):
                world.after(self.luck.uniform(0, 300), self._register_otherwise)
        world.run(chance.choice([60.0, 60.0, 60.0, 400.0]))
        self.pbx.faithful = False
        for phone in self.phones:
            phone.hang_up_all()
        for call in list(self.edge.core.calls):
            self.edge.give(HangUp(call))
        world.run(_SETTLED)
        if self.registrar is not None:
            self._clear_up(self.registrar)

    def settle(self) -> None:
        """What must hold when all is over."""
        judge(self)

    @property
    def context(self) -> str:
        """What passed, for the reader of a failure."""
        return f"seed {self.seed} {self.weather} {self.transport} {self.happened}\n{self.world.ladder()}"

    def _register_otherwise(self) -> None:
        """What registrars do to their clients."""
        assert self.registrar is not None
        what = self.luck.choice(["forgets", "is silent", "wants longer", "is busy", "doubts"])
        self._note(f"the registrar {what}")
        if what == "forgets":
            self.registrar.forget()
        self.registrar.silent = what == "is silent"
        self.registrar.least = 7200 if what == "wants longer" else 0
        self.registrar.granted = 7200 if what == "wants longer" else self.registrar.granted
        self.registrar.refusal = (503, "Retry-After: 30\r\n") if what == "is busy" else None
        self.registrar.stale = what == "doubts"

    def _clear_up(self, registrar: Registrar) -> None:
        """The sky clears, and the line is registered again by itself; then the edge takes its registration back."""
        registrar.silent, registrar.least, registrar.refusal = False, 0, None
        self.world.weather = Weather()
        self.edge.give(Drain(False))
        self.world.run(8000.0)
        self.registered = bool(registrar.live)
        self.edge.give(Drain(True))
        self.world.run(100.0)

    def _call_in(self) -> None:
        headers = ""
        if self.chance.random() < 0.3:
            headers = vouched(int(self.world.now + self.edge.core.ua.epoch))
        caller = self.chance.choice([self.carriers[0], self.carriers[0], self.carriers[1], self.desk])
        other = caller is self.carriers[1]
        caller.call(f"sip:{actor.DESK_NUMBER}@{EDGE}" if other else actor.URI, headers)

    def _call_out(self) -> None:
        to = self.chance.choice([actor.AWAY, "+13035550000", actor.DESK_NUMBER])
        self.chance.choice([*self.agents, self.pbx]).call(f"sip:{to}@{EDGE}", agent=True)

    def _begin(self) -> None:
        """The API begins a call."""
        agent = self.chance.choice([SIP_AGENT.id, GROUP, ECHO_AGENT.id])
        here = Flow("udp", self.edge.address, self.edge.address)
        call = id_of(1000 + len(self.edge.commands) + 100 * len(self.crashed))
        self.edge.commands.append("")
        wish = Originate(
            call=call, organization=ORGANIZATION.id, calling=NUMBER, to=actor.AWAY, agent=agent, local=here,
            timeout=self.chance.choice([5.0, 60.0]),
        )  # fmt: skip
        self._note(f"originate {call}")
        self.edge.give(wish)

    # ── what operators do ─────────────────────────────────────────────────────────────────────────────────────────────

    def _operator(self) -> None:
        for call in list(self.edge.core.calls):
            self._note(f"hang up {call}")
            self.edge.give(HangUp(call))

    def _drain(self) -> None:
        self.edge.give(Drain(True))
        if self.chance.random() < 0.5:
            self.world.after(3.0, lambda: self.edge.give(Drain(False)))

    def _transfer(self) -> None:
        chance = self.chance
        targets = [actor.DESK_NUMBER, f"sip:desk@{actor.DESK}", "+13035550001", "sip:nobody@192.0.2.99"]
        for call in list(self.edge.core.calls):
            wish = Transfer(
                self._token(), call, chance.choice(targets), chance.choice(["caller", "agent"]),
                chance.choice(["auto", "invite", "refer"]), chance.choice([5.0, 60.0]),
            )  # fmt: skip
            self._note(f"transfer {call} {wish.to} {wish.stays} stays, {wish.mode}")
            self.edge.give(wish)

    def _digits(self) -> None:
        for call in list(self.edge.core.calls):
            self._note(f"digits {call}")
            self.edge.give(SendDigits(self._token(), call, "12#", self.chance.choice(["caller", "agent"])))

    def _try(self) -> None:
        self.edge.give(Try(self._token("trial"), self.edge.table.trunks[TRUNK.id]))

    def _ban(self) -> None:
        self.edge.give(AddBan(actor.STRANGER, "operator", 30.0))

    def _remove(self) -> None:
        """A configuration changes under calls that are up."""
        self.edge.core.apply([], self.world.now)
        self.edge.give(Certified(Flow("tls", self.edge.address, (actor.CARRIER, 5061), "in:9"), ("carrier.example",)))
        self.edge.give(FlowClosed(Flow("tls", self.edge.address, (actor.CARRIER, 5061), "in:9")))

    def _token(self, kind: str = "token") -> str:
        token = f"{kind} {len(self.edge.commands)}"
        self.edge.commands.append(token)
        return token

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _replace(self) -> None:
        """The desk asks for a place in a call of an agent's, or for one that rings there."""
        legs = [leg for phone in self.agents for leg in phone.legs.values() if leg.session is not None or rings(leg)]
        if legs:
            self.desk.call(headers=f"Replaces: {replaces(self.chance.choice(legs))}\r\n")

    def _knock(self) -> None:
        for _ in range(self.chance.choice([1, 30])):
            self.stranger.knock()

    def _death(self) -> None:
        """A machine is gone for good, and what it held with it."""
        phone = self.chance.choice(self.phones)
        if self.world.nodes.get(phone.address) is phone:
            self._note(f"{phone.address[0]} dies")
            self.world.remove(phone.address)
            self.dead.add(phone.address[0])
            if self.luck.random() < 0.5:
                self.world.closed.add(phone.address)

    def _restart(self) -> None:
        """Nobody listens at an address for a while, and the machine says so."""
        address = self.luck.choice(self.phones).address
        self._note(f"nobody listens at {address[0]}")
        self.world.closed.add(address)
        self.world.after(self.luck.uniform(0.1, 20), lambda: self._listen(address))

    def _listen(self, address: Address) -> None:
        if address[0] not in self.dead:
            self.world.closed.discard(address)

    def _partition(self) -> None:
        """Two do not hear each other, or one not the other, for a while."""
        peer, length = self.chance.choice(self.phones).address[0], self.chance.uniform(0.5, 50)
        self._note(f"parted from {peer} for {length:.1f} s")
        ways = [(EDGE, peer), (peer, EDGE)]
        for way in self.chance.choice([ways, ways[:1], ways[1:]]):
            self.world.parted[way] = self.world.now + length

    def _no_route(self) -> None:
        host = self.chance.choice([actor.AGENT, actor.SECOND_AGENT, actor.CARRIER, actor.DESK])
        self._note(f"no route to {host}")
        self.edge.unreachable.add(host)

    def _lost_connection(self) -> None:
        self._note("connection lost")
        self.edge.broken.add(f"c:{actor.CARRIER}")
        self.edge.give(FlowClosed(Flow("tcp", self.edge.address, (actor.CARRIER, 5060), f"c:{actor.CARRIER}")))

    def _media(self) -> None:
        for leg in list(self.edge.media):
            self.edge.give(
                MediaEnded(leg, "silent") if self.chance.random() < 0.5 else MediaFailed(leg, 503, "no port")
            )

    def _crash(self) -> None:
        """The process is gone; another starts from the journal and ends what was open."""
        old = self.edge
        self._note("crash")
        self.crashed.append(old)
        self.crashes.append(self.world.now)
        self.edge = Watched(self.world, random.Random(self.seed), self.transport, len(self.crashed))
        self.edge.unreachable |= old.unreachable
        if self.registrar is not None:
            self.edge.core.apply([Put(LINE)], self.world.now)
        for dialog in open_dialogs(old):
            self.edge.give(Interrupted(dialog))

    def _note(self, what: str) -> None:
        self.happened.append(f"{self.world.now - 100:.3f} {what}")
