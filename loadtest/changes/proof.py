"""Change, look, call, compare; again and again, while other calls go on.

After each answered change a call is made, and must meet what the API shows at that moment: its status and the word for
it, or the very agents in the order in which they are to be asked. Some calls are made beside the change, before it is
answered: they must meet what was shown before, or what is shown after. Some calls stay up while their trunks, numbers
and agents are changed and removed under them; they must be spoken in and ended from either side. Steady calls of an
organization that nobody changes go on throughout.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import NamedTuple

from loadtest.changes.api import Answer, Api, Json
from loadtest.changes.dice import Dice, Wish
from loadtest.changes.phones import Address, Agents, Asked, Calling, Carrier, Met
from loadtest.changes.shown import Expected, Shown

NUMBERS = tuple([f"+1202555{at:04}" for at in range(100, 116)])
STEADY = "+12025559999"
MOST_UP = 12
_LOOK_AROUND = 40
"""Changes after which everything is looked at again, and must be as it was last shown."""


class Kept(NamedTuple):
    """A call that stays up."""

    calling: Calling
    trunk: str
    agents: Agents


class Record(NamedTuple):
    """What the call log must say of a caller."""

    status: int
    cause: str
    trunk: str
    agent: str | None


class Proof:
    def __init__(self, seed: int, api: Api, edge: Address) -> None:
        self.chance = random.Random(seed)
        self.api, self.edge = api, edge
        self.faults: list[str] = []
        self.changes = self.refused = self.calls = self.beside = self.steady = self.lasted = 0
        self.met: Counter[str] = Counter()
        """How often calls met each outcome."""
        self.logged: dict[str, Record] = {}
        """By caller."""
        self.notes: dict[str, list[Asked]] = {}
        self.up: dict[str, Kept] = {}
        self.carriers: dict[str, Carrier] = {}
        self.places: dict[Address, Agents] = {}
        self._callers = 3_035_550_000
        self._over = False

    async def set_up(self, sources: tuple[str, ...], places: tuple[str, ...], steady: tuple[str, str]) -> None:
        """Open the phones and make the first records. `steady`: addresses of the carrier and the agent of the steady
        calls."""
        for host in (*sources, steady[0]):
            self.carriers[host] = Carrier(self.edge)
            await self.carriers[host].open(host)
        for host in (*places, steady[1]):
            agents = Agents(self.notes)
            await agents.open(host)
            self.places[agents.at] = agents
        made = [await self._made("/v1/organizations", {"name": f"Changing {at}"}, "") for at in "AB"]
        self.shown = Shown(self.api, (made[0], made[1]))
        changing = tuple([at for at in self.places if at[0] != steady[1]])
        self.dice = Dice(self.chance, self.shown, sources, changing, NUMBERS)
        for organization, source in zip(made, sources, strict=False):
            config = {"networks": [f"{source}/32"]}
            trunk = await self._made(
                "/v1/sip/trunks", {"name": "Trunk 0", "provider": "generic", "config": config}, organization
            )
            host, port = changing[0]
            agent = await self._made(
                "/v1/agents", {"name": "Agent 0", "kind": "sip", "uri": f"sip:upfirst@{host}:{port}"}, organization
            )
            for e164 in NUMBERS[made.index(organization) :: 2]:
                wish = {"phone_number": e164, "trunk_id": trunk, "agent_id": agent}
                await self._made("/v1/phone-numbers/import", wish, organization)
        self._steady = await self._quiet(self.carriers[steady[0]], steady)
        await self.shown.look_around()

    async def _quiet(self, carrier: Carrier, steady: tuple[str, str]) -> tuple[Carrier, Asked, Record]:
        """The organization that nobody changes: who calls, who is to be asked, and what is logged."""
        quiet = await self._made("/v1/organizations", {"name": "Steady"}, "")
        ((host, port),) = [at for at in self.places if at[0] == steady[1]]
        config = {"networks": [f"{steady[0]}/32"]}
        trunk = await self._made("/v1/sip/trunks", {"name": "Steady", "provider": "generic", "config": config}, quiet)
        agent = await self._made(
            "/v1/agents", {"name": "Steady", "kind": "sip", "uri": f"sip:upsteady@{host}:{port}"}, quiet
        )
        await self._made(
            "/v1/phone-numbers/import", {"phone_number": STEADY, "trunk_id": trunk, "agent_id": agent}, quiet
        )
        return carrier, Asked("upsteady", (host, port)), Record(200, "normal", trunk, agent)

    async def run(self, changes: int, rate: float, tell: bool = False) -> None:
        """So many changes that are made, beside `rate` steady calls a second."""
        steady, told = asyncio.create_task(self._keep_calling(rate)), 0
        try:
            while self.changes < changes and len(self.faults) < 20:
                await self._step()
                if tell and self.changes >= told + 500:
                    told = self.changes
                    print(
                        f"  {told} changes, {self.calls} calls, {len(self.up)} up, {len(self.faults)} faults",
                        flush=True,
                    )
        finally:
            self._over = True  # a call of these that has begun is seen through
            await steady
        for caller in list(self.up):
            await self._end(caller)

    def close(self) -> None:
        for socket in (*self.carriers.values(), *self.places.values()):
            socket.transport.close()

    # ── a step ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _step(self) -> None:
        wish = self.dice.throw()
        source, number = self._aim(wish)
        before = self._expected(source, number)
        beside: asyncio.Task[tuple[str, Calling, Met]] | None = None
        if self.chance.random() < 0.25:
            beside = asyncio.create_task(self._dial(source, number))
        answer = await self.api.ask(wish.method, wish.path, wish.body, organization=wish.organization)
        await self._look(wish, answer)
        if beside is not None:
            self.beside += 1
            caller, calling, met = await beside
            after = self._expected(source, number)
            self._judge(wish, "beside", caller, met, before, after)
            await self._finish(caller, calling, met, None)
        if self.chance.random() < 0.3:
            source, number = self._aim(wish)
        wanted = self._expected(source, number)
        caller, calling, met = await self._dial(source, number)
        self.calls += 1
        self.met[f"{met.status} {met.cause}".strip()] += 1
        good = self._judge(wish, "after", caller, met, wanted, wanted)
        stays = good and met.status == 200 and len(self.up) < MOST_UP and self.chance.random() < 0.3
        await self._finish(caller, calling, met, wanted.trunk if stays else None)
        if self.up and self.chance.random() < 0.05:
            await self._end(self.chance.choice(list(self.up)))
        if (self.changes + self.refused) % _LOOK_AROUND == 0:
            await self._look_again()

    def _aim(self, wish: Wish) -> tuple[str, str]:
        """From where, and which number: mostly one that the change is about, from where its trunk's calls come."""
        number = wish.number if wish.number is not None and self.chance.random() < 0.85 else None
        if number is None:
            number = self.chance.choice(NUMBERS)
        sources = list(self.dice.sources)
        record = self.shown.number(number)
        if record is not None and self.chance.random() < 0.85:
            own = [each for each in sources if self.shown.holds(record["trunk_id"], each)]
            sources = own or sources
        return self.chance.choice(sources), number

    async def _look(self, wish: Wish, answer: Answer) -> None:
        """See what the API shows of what was changed."""
        if not answer.done:
            self.refused += 1
            if answer.status >= 500:
                self.faults.append(f"{wish.method} {wish.path} {wish.body}: {answer}")
            # Nothing has changed: what is shown is asked again, and compared with what is kept.
            if wish.id is not None:
                kept = self.shown.kept(wish.kind)[wish.id]
                await self.shown.look(wish.kind, wish.id)
                if self.shown.kept(wish.kind).get(wish.id) != kept:
                    self.faults.append(f"{wish.method} {wish.path} was refused and changed something: {answer}")
            return
        self.changes += 1
        if wish.far:
            await self.shown.look_around()
        id = wish.id
        if id is None:
            id = answer.body["id"] if "id" in answer.body else f"phone_{answer.body['data']['phone_number_id'][-26:]}"
            self.shown.owner[id] = wish.organization
        await self.shown.look(wish.kind, id)
        there = self.shown.kept(wish.kind).get(id)
        if wish.method == "DELETE":
            if there is not None:
                self.faults.append(f"{wish.path} was deleted and is shown")
        elif there is None or not _within(wish.shows, there):
            self.faults.append(f"{wish.method} {wish.path} {wish.body}: {there} is shown")

    async def _look_again(self) -> None:
        shown = self.shown
        kept = dict(shown.trunks), dict(shown.agents), dict(shown.numbers)
        await shown.look_around()
        for before, now in zip(kept, (shown.trunks, shown.agents, shown.numbers), strict=True):
            for id in before.keys() | now.keys():
                if before.get(id) != now.get(id):
                    self.faults.append(f"{id} was shown as {before.get(id)}, and is {now.get(id)}")

    def _expected(self, source: str, number: str) -> Expected:
        return self.shown.expected(source, number, Counter(kept.trunk for kept in self.up.values()))

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _dial(self, source: str, number: str) -> tuple[str, Calling, Met]:
        self._callers += 1
        caller = f"+1{self._callers}"
        calling = Calling(self.carriers[source], number, caller)
        try:
            return caller, calling, await calling.invite()
        except TimeoutError:
            return caller, calling, Met(0, "no answer")

    def _judge(self, wish: Wish, when: str, caller: str, met: Met, *wanted: Expected) -> bool:
        """Whether a call met one of these."""
        asked = self.notes.get(caller, [])
        for one in wanted:
            tries = [Asked(each.user, each.at) for each in one.tries]
            fits = met.status == one.status if one.status else met.status >= 400
            if fits and asked == tries and (not one.cause or met.cause in one.cause.split()):
                if one.trunk is not None and met.status != 401:
                    agent = one.tries[-1].agent if one.tries else None
                    self.logged[caller] = Record(met.status, met.cause or "normal", one.trunk, agent)
                return True
        self.faults.append(f"{when} {wish.method} {wish.path} {wish.body}: met {met}, asked {asked}; expected {wanted}")
        return False

    async def _finish(self, caller: str, calling: Calling, met: Met, trunk: str | None) -> None:
        """A call that was answered stays up, as one of `trunk`, or ends."""
        if met.status != 200:
            return
        agents = self.places[self.notes[caller][-1].at]
        self.up[caller] = Kept(calling, trunk or "", agents)
        if trunk is None:
            await self._end(caller)
        else:
            self.lasted += 1

    async def _end(self, caller: str) -> None:
        """Speak in it, and end it from either side: both must be there."""
        kept = self.up.pop(caller)
        spoken = self.chance.random() < 0.5
        try:
            if spoken and (await kept.calling.speak() != 200 or caller not in kept.agents.spoken):
                self.faults.append(f"{caller}: what was said did not reach the agent")
            if self.chance.random() < 0.5:
                status = await kept.calling.bye()
            else:
                status = await kept.agents.bye(caller)
                async with asyncio.timeout(10):
                    await kept.calling.ended.wait()
                kept.calling.forget()
            if status != 200:
                self.faults.append(f"{caller}: BYE met {status}")
            async with asyncio.timeout(10):
                while caller in kept.agents.up:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
        except TimeoutError:
            self.faults.append(f"{caller}: a call that was up did not end as it should")

    async def _keep_calling(self, rate: float) -> None:
        """Steady calls, one after the other, so many a second."""
        carrier, wanted, record = self._steady
        while rate and not self._over:
            begun = asyncio.get_running_loop().time()
            caller, calling, met = await self._dial(carrier.at[0], STEADY)
            asked = self.notes.get(caller, [])
            if met.status != 200 or asked != [wanted]:
                self.faults.append(f"a steady call met {met}, asked {asked}")
            self.logged[caller] = record
            await self._finish_steady(caller, calling, met)
            self.steady += 1
            await asyncio.sleep(max(0.0, begun + 1 / rate - asyncio.get_running_loop().time()))

    async def _finish_steady(self, caller: str, calling: Calling, met: Met) -> None:
        if met.status == 200 and await calling.bye() != 200:
            self.faults.append("a steady call did not end")

    async def _made(self, path: str, body: Json, organization: str) -> str:
        answer = await self.api.ask("POST", path, body, organization=organization)
        assert answer.done, (path, answer)
        return str(answer.body["id"])


def _within(wanted: Json, shown: Json) -> bool:
    """Whether a record shows all that is wanted."""
    if isinstance(wanted, dict):
        return isinstance(shown, dict) and all(_within(value, shown.get(name)) for name, value in wanted.items())
    return bool(wanted == shown)
