"""One change at random: a request of the API, and what must be shown once it is answered.

Some of them are refused, and then nothing may have changed: a name that is taken, networks that could not be told
apart, an agent that is still in use, a number that exists.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from loadtest.changes.shown import KINDS, Shown

Json = dict[str, Any]
_COUNT = itertools.count(1)


class Wish(NamedTuple):
    kind: str
    method: str
    path: str
    organization: str
    body: Json | None = None
    shows: Json = {}  # noqa: RUF012 - never changed
    """What the record shows after it, by field."""
    id: str | None = None
    """The record; None when it is made by this."""
    number: str | None = None
    """The number that it is about."""
    far: bool = False
    """Whether other records go, or change, with it."""


class Dice:
    """Draws changes. `sources`: the carriers' addresses; `places`: the agents'."""

    def __init__(
        self,
        chance: random.Random,
        shown: Shown,
        sources: tuple[str, ...],
        places: tuple[tuple[str, int], ...],
        numbers: tuple[str, ...],
    ) -> None:
        self.chance, self.shown = chance, shown
        self.sources, self.places, self.numbers = sources, places, numbers
        self._kinds: list[tuple[int, Callable[[str], Wish | None]]] = [
            (34, self._assign),
            (12, self._turn_number),
            (6, self._move_number),
            (3, self._label),
            (5, self._delete_number),
            (12, self._import),
            (6, self._turn_agent),
            (7, self._move_agent),
            (5, self._regroup),
            (3, self._make_agent),
            (4, self._delete_agent),
            (5, self._turn_trunk),
            (6, self._move_trunk),
            (4, self._limit),
            (3, self._challenge),
            (3, self._make_trunk),
            (2, self._delete_trunk),
        ]

    def throw(self) -> Wish:
        weights = [weight for weight, _ in self._kinds]
        while True:
            (draw,) = self.chance.choices([draw for _, draw in self._kinds], weights)
            wish = draw(self.chance.choice(self.shown.organizations))
            if wish is not None:
                return wish

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _assign(self, organization: str) -> Wish | None:
        agents = self.shown.of("agent", organization)
        agent = self.chance.choice(agents) if agents and self.chance.random() < 0.93 else None
        return self._number(organization, {"agent_id": agent}, {"agent_id": agent})

    def _turn_number(self, organization: str) -> Wish | None:
        what = self.chance.randrange(5)
        if what < 3:
            status = self.chance.choice(("active", "active", "active", "inactive", "suspended"))
            return self._number(
                organization, {"status": status}, {"status": "active" if status == "active" else "inactive"}
            )
        if what == 3:
            pin = "2468" if self.chance.random() < 0.2 else None
            return self._number(organization, {"inbound_pin": pin}, {"inbound_pin_set": pin is not None})
        return self._number(organization, {"supports_inbound": self.chance.random() < 0.8}, {})

    def _move_number(self, organization: str) -> Wish | None:
        trunks = self.shown.of("trunk", organization)
        trunk = self.chance.choice(trunks) if trunks else None
        return None if trunk is None else self._number(organization, {"trunk_id": trunk}, {"trunk_id": trunk})

    def _label(self, organization: str) -> Wish | None:
        label = f"Label {next(_COUNT)}"
        return self._number(organization, {"label": label}, {"label": label})

    def _number(self, organization: str, body: Json, shows: Json) -> Wish | None:
        ids = self.shown.of("number", organization)
        if not ids:
            return None
        id = self.chance.choice(ids)
        number = self.shown.numbers[id]["number"]
        return Wish("number", "PATCH", f"{KINDS['number']}/{id}", organization, body, shows, id, number)

    def _delete_number(self, organization: str) -> Wish | None:
        ids = self.shown.of("number", organization)
        if not ids:
            return None
        id = self.chance.choice(ids)
        number = self.shown.numbers[id]["number"]
        return Wish("number", "DELETE", f"{KINDS['number']}/{id}", organization, None, {}, id, number)

    def _import(self, organization: str) -> Wish | None:
        """One that may be somebody's already; by the import surface too, which makes it a trunk."""
        free = [e164 for e164 in self.numbers if self.shown.number(e164) is None]
        number = self.chance.choice(free if free and self.chance.random() < 0.9 else self.numbers)
        trunks, agents = self.shown.of("trunk", organization), self.shown.of("agent", organization)
        if trunks and self.chance.random() < 0.5:
            body: Json = {"phone_number": number, "trunk_id": self.chance.choice(trunks)}
            if agents:
                body["agent_id"] = self.chance.choice(agents)
            return Wish(
                "number", "POST", "/v1/phone-numbers/import", organization, body,
                {"number": number, "trunk_id": body["trunk_id"], "agent_id": body.get("agent_id")}, None, number,
            )  # fmt: skip
        body = {"phone_number": number, "provider": "sip", "supports_inbound": True}
        body |= {"sip_trunk_name": f"Imported {organization[-6:]}", "sip_server_address": self.sources[0]}
        return Wish("number", "POST", "/api/phone-numbers", organization, body, {"number": number}, None, number, True)

    # ── agents ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _turn_agent(self, organization: str) -> Wish | None:
        return self._agent(organization, {"status": "active" if self.chance.random() < 0.8 else "inactive"})

    def _move_agent(self, organization: str) -> Wish | None:
        ids = [id for id in self.shown.of("agent", organization) if self.shown.agents[id]["uri"] is not None]
        return self._agent(organization, {"uri": self._uri()}, ids)

    def _regroup(self, organization: str) -> Wish | None:
        groups = [id for id in self.shown.of("agent", organization) if self.shown.agents[id]["kind"] == "group"]
        members = self._members(organization)
        hunt_on = self.chance.choice(([408, 500, 502, 503, 504, 580], [500], [503]))
        return self._agent(organization, {"members": members, "hunt_on": hunt_on}, groups) if members else None

    def _agent(self, organization: str, body: Json, among: list[str] | None = None) -> Wish | None:
        ids = self.shown.of("agent", organization) if among is None else among
        if not ids:
            return None
        id = self.chance.choice(ids)
        return Wish("agent", "PATCH", f"{KINDS['agent']}/{id}", organization, body, body, id, self._calls(id))

    def _make_agent(self, organization: str) -> Wish | None:
        if len(self.shown.of("agent", organization)) > 16:
            return None
        body: Json = {"name": f"Agent {next(_COUNT)}", "kind": "sip"}
        trunks = [id for id in self.shown.of("trunk", organization) if self._agents_side(id)]
        what = self.chance.randrange(4)
        if what == 0 and (members := self._members(organization)):
            body |= {"kind": "group", "members": members}
        elif what == 1 and trunks:
            body["trunk_id"] = self.chance.choice(trunks)
        else:
            body["uri"] = self._uri()
        return Wish("agent", "POST", KINDS["agent"], organization, body, {**body})

    def _delete_agent(self, organization: str) -> Wish | None:
        ids = self.shown.of("agent", organization)
        if not ids:
            return None
        id, number = self.chance.choice(ids), None
        number = self._calls(id)
        cascade = self.chance.random() < 0.5
        path = f"{KINDS['agent']}/{id}?cascade={str(cascade).lower()}"
        return Wish("agent", "DELETE", path, organization, None, {}, id, number, True)

    def _members(self, organization: str) -> list[str]:
        ids = self.shown.of("agent", organization)
        return self.chance.sample(ids, min(len(ids), self.chance.randint(1, 4)))

    def _uri(self) -> str:
        user = self.chance.choice(("up", "up", "up", "down503", "down486"))
        host, port = self.chance.choice(self.places)
        return f"sip:{user}x{next(_COUNT)}@{host}:{port}"

    def _calls(self, agent: str) -> str | None:
        """A number whose calls it gets."""
        numbers = [number["number"] for number in self.shown.numbers.values() if number["agent_id"] == agent]
        return self.chance.choice(numbers) if numbers else None

    # ── trunks ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _turn_trunk(self, organization: str) -> Wish | None:
        return self._trunk(organization, {"status": "active" if self.chance.random() < 0.8 else "inactive"})

    def _move_trunk(self, organization: str) -> Wish | None:
        return self._trunk(organization, {"config": {"networks": self._networks()}}, sides=False)

    def _limit(self, organization: str) -> Wish | None:
        most = self.chance.choice((None, None, 1, 2, 5))
        body = {"max_concurrent_calls": most, "full_status": self.chance.choice((503, 486))}
        return self._trunk(organization, {"config": body}, sides=False)

    def _challenge(self, organization: str) -> Wish | None:
        if self.chance.random() < 0.25:
            credentials = {"username": f"u{next(_COUNT)}", "password": "sesame-opens"}
            return self._trunk(organization, {"credentials": credentials, "config": {"challenge": True}}, sides=False)
        gone = {"username": None, "password": None}
        return self._trunk(organization, {"credentials": gone, "config": {"challenge": False}}, sides=False)

    def _trunk(self, organization: str, body: Json, *, sides: bool = True) -> Wish | None:
        ids = [id for id in self.shown.of("trunk", organization) if sides or not self._agents_side(id)]
        if not ids:
            return None
        id = self.chance.choice(ids)
        on = [number["number"] for number in self.shown.numbers.values() if number["trunk_id"] == id]
        shows = {name: value for name, value in body.items() if name != "credentials"}
        number = self.chance.choice(on) if on else None
        return Wish("trunk", "PATCH", f"{KINDS['trunk']}/{id}", organization, body, shows, id, number)

    def _make_trunk(self, organization: str) -> Wish | None:
        if len(self.shown.of("trunk", organization)) > 8:
            return None
        name = f"Trunk {next(_COUNT) % 12}"
        body: Json = {"name": name, "provider": "generic"}
        if self.chance.random() < 0.3:
            host, port = self.chance.choice(self.places)
            body["config"] = {"role": "agent", "server": host, "port": port}
        else:
            body["config"] = {"networks": self._networks()}
        return Wish("trunk", "POST", KINDS["trunk"], organization, body, {"name": name, "config": body["config"]})

    def _delete_trunk(self, organization: str) -> Wish | None:
        ids = self.shown.of("trunk", organization)
        if len(ids) < 2:
            return None
        id = self.chance.choice(ids)
        on = [number["number"] for number in self.shown.numbers.values() if number["trunk_id"] == id]
        cascade = self.chance.random() < 0.5
        path = f"{KINDS['trunk']}/{id}?cascade={str(cascade).lower()}"
        number = self.chance.choice(on) if on else None
        return Wish("trunk", "DELETE", path, organization, None, {}, id, number, True)

    def _networks(self) -> list[str]:
        what = self.chance.randrange(5)
        if what == 0:
            return [f"{self.sources[0].rpartition('.')[0]}.0/24"]
        return [f"{source}/32" for source in self.chance.sample(self.sources, 2 if what == 1 else 1)]

    def _agents_side(self, id: str) -> bool:
        return bool(self.shown.trunks[id]["config"]["role"] == "agent")
