"""What the API shows, kept as it was last shown, and what a call must meet by it.

The rules are written here once more, from the documents, over the JSON that the API gives: they share nothing with the
edge. Two sides of calls are told apart by `role`; every trunk here is one of UDP.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from loadtest.changes.api import Api

Json = dict[str, Any]
_DEEPEST = 4
KINDS = {"trunk": "/v1/sip/trunks", "agent": "/v1/agents", "number": "/v1/phone-numbers"}


class Try(NamedTuple):
    """An agent that is to be asked, and where."""

    agent: str
    """Its id."""
    user: str
    at: tuple[str, int]


class Expected(NamedTuple):
    status: int
    """0: whatever the last agent refuses with."""
    cause: str
    """The word for it, or some of which it must be one; nothing where there need be none."""
    trunk: str | None
    """The id of the trunk that the call is of; None when nobody's."""
    tries: tuple[Try, ...] = ()
    """In this order; the last of them has the call when `status` is 200."""


class Shown:
    """By organization and kind, the records of the API by their ids."""

    def __init__(self, api: Api, organizations: tuple[str, ...]) -> None:
        self.api = api
        self.organizations = organizations
        self.owner: dict[str, str] = {}
        """Organizations by the ids of their records."""
        self.trunks: dict[str, Json] = {}
        self.agents: dict[str, Json] = {}
        self.numbers: dict[str, Json] = {}

    def of(self, kind: str, organization: str) -> list[str]:
        return [id for id in self.kept(kind) if self.owner[id] == organization]

    def kept(self, kind: str) -> dict[str, Json]:
        return {"trunk": self.trunks, "agent": self.agents, "number": self.numbers}[kind]

    async def look(self, kind: str, id: str) -> None:
        """See one record again, or that it is gone."""
        answer = await self.api.ask("GET", f"{KINDS[kind]}/{id}", organization=self.owner[id])
        if answer.status == 404:
            self.kept(kind).pop(id, None)
            return
        assert answer.done, answer
        self.kept(kind)[id] = plain(kind, answer.body)

    async def look_around(self) -> None:
        """See everything again."""
        for kind, path in KINDS.items():
            found: dict[str, Json] = {}
            for organization in self.organizations:
                for item in await self.api.all(path, organization=organization):
                    id = item["id"]
                    self.owner[id] = organization
                    if kind != "agent":
                        item = await self.api.get(f"{path}/{id}", organization=organization)
                    found[id] = plain(kind, item)
            kept = self.kept(kind)
            kept.clear()
            kept.update(found)

    def number(self, e164: str) -> Json | None:
        return next((number for number in self.numbers.values() if number["number"] == e164), None)

    def holds(self, trunk: str, source: str) -> bool:
        """Whether a trunk's calls may come from there."""
        return trunk in self.trunks and _bits(self.trunks[trunk], source) is not None

    # ── what a call must meet ─────────────────────────────────────────────────────────────────────────────────────────

    def expected(self, source: str, e164: str, up: dict[str, int]) -> Expected:
        """`up`: how many calls are up, by trunk."""
        candidates = {id: bits for id, trunk in self.trunks.items() if (bits := _bits(trunk, source)) is not None}
        number = self.number(e164)
        if not candidates:
            return Expected(401, "", None) if self._anybody_authenticates() else Expected(403, "unknown-source", None)
        trunk_id, alone = self._identified(candidates, number)
        trunk, organization = self.trunks[trunk_id], self.owner[trunk_id]
        if number is None and not alone:
            return Expected(404, "unknown-number", None)
        if trunk["status"] != "active":
            return Expected(403, "trunk-disabled", trunk_id)
        if trunk["config"]["challenge"]:
            if _authenticates(trunk):
                return Expected(401, "", trunk_id)
            return Expected(403, "wrong-credentials", trunk_id)
        if number is None or self.owner[number["id"]] != organization:
            return Expected(404, "unknown-number", trunk_id)
        if number["status"] != "active":
            return Expected(480, "inactive suspended", trunk_id)  # which of them, this surface does not show
        if not number["capabilities"]["inbound"]:
            return Expected(403, "inbound-not-supported", trunk_id)
        if number["inbound_pin_set"]:
            return Expected(480, "pin-unsupported", trunk_id)
        tries, refused = self._agents(number)
        if not tries:
            return Expected(480, refused, trunk_id)
        most = trunk["config"]["max_concurrent_calls"]
        if most is not None and up.get(trunk_id, 0) >= most:
            return Expected(trunk["config"]["full_status"], "trunk-full", trunk_id)
        return _searched(tries, trunk_id)

    def _anybody_authenticates(self) -> bool:
        return any(trunk["status"] == "active" and _authenticates(trunk) for trunk in self.trunks.values())

    def _identified(self, candidates: dict[str, int], number: Json | None) -> tuple[str, bool]:
        """The trunk that a call from these is of, and whether only one organization's could be."""
        if number is not None:
            own = number["trunk_id"]
            agent = self.agents.get(number["agent_id"] or "")
            ours = {id: bits for id, bits in candidates.items() if self.owner[id] == self.owner[number["id"]]}
            if own in ours and (agent is None or agent["trunk_id"] != own):
                return own, True
            candidates = ours or candidates
        alone = len({self.owner[id] for id in candidates}) == 1
        active = {id: bits for id, bits in candidates.items() if self.trunks[id]["status"] == "active"}
        left = active or candidates
        longest = max(left.values())
        return min(id for id, bits in left.items() if bits == longest), alone

    def _agents(self, number: Json) -> tuple[list[tuple[Try, frozenset[int]]], str]:
        """Whom the number's call asks, each with the answers after which the next is asked; or why nobody."""
        if number["agent_id"] is None:
            return [], "no-agent"
        found: list[tuple[Try, frozenset[int]]] = []
        skipped: list[str] = []
        seen: set[str] = set()

        def walk(id: str, hunt_on: frozenset[int], depth: int) -> None:
            if id in seen:
                return
            seen.add(id)
            agent = self.agents[id]
            if agent["status"] != "active":
                skipped.append("agent-disabled")
            elif agent["kind"] == "group" and depth == 0:
                skipped.append("group-too-deep")
            elif agent["kind"] == "group":
                if not agent["members"]:
                    skipped.append("group-empty")
                for member in agent["members"]:
                    walk(member, frozenset(agent["hunt_on"]), depth - 1)
            elif agent["uri"] is not None:
                if agent["trunk_id"] is not None and self.trunks[agent["trunk_id"]]["status"] != "active":
                    skipped.append("agent-trunk-disabled")
                    return
                user, _, place = agent["uri"].removeprefix("sip:").partition("@")
                host, _, port = place.partition(":")
                found.append((Try(id, user, (host, int(port))), hunt_on))
            else:
                trunk = self.trunks[agent["trunk_id"]]
                if trunk["status"] != "active":
                    skipped.append("agent-trunk-disabled")
                    return
                config = trunk["config"]
                found.append((Try(id, number["number"], (config["server"], config["port"])), hunt_on))

        walk(number["agent_id"], frozenset(), _DEEPEST)
        return found, skipped[0] if skipped else "no-agent"


def plain(kind: str, item: Json) -> Json:
    """What of a record decides about calls, and does not change with time."""
    names = {
        "trunk": ("id", "name", "status", "config", "credentials_set"),
        "agent": ("id", "name", "kind", "status", "uri", "trunk_id", "members", "hunt_on"),
        "number": ("id", "number", "trunk_id", "agent_id", "status", "capabilities", "inbound_pin_set", "label"),
    }[kind]
    return {name: item[name] for name in names}


def _searched(tries: list[tuple[Try, frozenset[int]]], trunk_id: str) -> Expected:
    asked: list[Try] = []
    for one, hunt_on in tries:
        asked.append(one)
        if not one.user.startswith("down"):
            return Expected(200, "", trunk_id, tuple(asked))
        if int(one.user[4:7]) not in hunt_on:
            break
    return Expected(0, "", trunk_id, tuple(asked))


def _bits(trunk: Json, source: str) -> int | None:
    """The length of the longest of a trunk's networks that holds the source."""
    config = trunk["config"]
    networks = config["networks"] or ([config["server"]] if config["server"] else [])
    held = [network for text in networks if ip_address(source) in (network := ip_network(text))]
    return max((network.prefixlen for network in held), default=None)


def _authenticates(trunk: Json) -> bool:
    return {"username", "password"} <= set(trunk["credentials_set"])
