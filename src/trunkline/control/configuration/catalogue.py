"""Everything that is configured, in memory: what single reads and rules look at, so that neither asks the database.

It holds the very records that the routing table holds; what it adds are the ways in that people need (by organization,
by trunk, by agent). Only `state.State` writes to it, after the store has committed and the engine has taken the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from trunkline.model.agent import Agent
from trunkline.model.connection import Connection
from trunkline.model.key import ApiKey
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.model.webhook import Webhook

Record = Organization | Trunk | Agent | Number | ApiKey | Connection | Webhook

Index = dict[str, dict[str, None]]
"""From an id to the ids that belong to it, oldest first."""


class Catalogue:
    __slots__ = (
        "_agents_by_organization",
        "_agents_by_trunk",
        "_keys_by_digest",
        "_keys_by_organization",
        "_numbers_by_agent",
        "_numbers_by_e164",
        "_numbers_by_organization",
        "_numbers_by_state",
        "_numbers_by_trunk",
        "_sandboxes",
        "_trunks_by_organization",
        "agents",
        "connections",
        "keys",
        "numbers",
        "organizations",
        "trunks",
        "webhooks",
    )

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.organizations: dict[str, Organization] = {}
        self.trunks: dict[str, Trunk] = {}
        self.agents: dict[str, Agent] = {}
        self.numbers: dict[str, Number] = {}
        self.keys: dict[str, ApiKey] = {}
        self.connections: dict[str, Connection] = {}
        self.webhooks: dict[str, Webhook] = {}
        self._trunks_by_organization: Index = {}
        self._agents_by_organization: Index = {}
        self._numbers_by_organization: Index = {}
        self._keys_by_organization: Index = {}
        self._agents_by_trunk: Index = {}
        self._numbers_by_trunk: Index = {}
        self._numbers_by_agent: Index = {}
        self._numbers_by_state: Index = {}
        self._numbers_by_e164: dict[tuple[str, str], str] = {}
        """By the sandbox it is in, or nothing, and the number: what is live is unique everywhere."""
        self._sandboxes: dict[str, str] = {}
        self._keys_by_digest: dict[bytes, str] = {}
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Take a record in, in place of the one with its id."""
        match record:
            case Number():
                if (before := self.numbers.get(record.id)) is not None:
                    self._unlink(before, record)
                self.numbers[record.id] = record
                # It keeps its place in each list that it stays in.
                _enter(self._numbers_by_organization, record.organization_id, record.id)
                _enter(self._numbers_by_trunk, record.trunk_id, record.id)
                _enter(self._numbers_by_agent, record.agent_id, record.id)
                _enter(self._numbers_by_state, record.state, record.id)
                self._numbers_by_e164[self._place(record)] = record.id
            case Trunk():
                self.trunks[record.id] = record
                _enter(self._trunks_by_organization, record.organization_id, record.id)
            case Agent():
                if record.id in self.agents and self.agents[record.id].trunk_id != record.trunk_id:
                    _leave(self._agents_by_trunk, self.agents[record.id].trunk_id, record.id)
                self.agents[record.id] = record
                _enter(self._agents_by_organization, record.organization_id, record.id)
                _enter(self._agents_by_trunk, record.trunk_id, record.id)
            case ApiKey():
                if record.id in self.keys:
                    self._keys_by_digest.pop(self.keys[record.id].digest, None)
                self.keys[record.id] = record
                _enter(self._keys_by_organization, record.organization_id, record.id)
                self._keys_by_digest[record.digest] = record.id
            case Connection():
                self.connections[record.id] = record
            case Webhook():
                self.webhooks[record.id] = record
            case Organization():
                self.organizations[record.id] = record
                if record.sandbox_of is not None:
                    self._sandboxes[record.sandbox_of] = record.id

    def remove(self, kind: str, id: str) -> None:
        if kind == "number" and (number := self.numbers.pop(id, None)):
            _leave(self._numbers_by_organization, number.organization_id, id)
            self._unlink(number, None)
        elif kind == "trunk" and (trunk := self.trunks.pop(id, None)):
            _leave(self._trunks_by_organization, trunk.organization_id, id)
        elif kind == "agent" and (agent := self.agents.pop(id, None)):
            _leave(self._agents_by_organization, agent.organization_id, id)
            _leave(self._agents_by_trunk, agent.trunk_id, id)
        elif kind == "key" and (key := self.keys.pop(id, None)):
            _leave(self._keys_by_organization, key.organization_id, id)
            self._keys_by_digest.pop(key.digest, None)
        elif kind == "connection":
            self.connections.pop(id, None)
        elif kind == "webhook":
            self.webhooks.pop(id, None)
        elif kind == "organization" and (organization := self.organizations.pop(id, None)):
            self._sandboxes.pop(organization.sandbox_of or "", None)

    def _unlink(self, number: Number, after: Number | None) -> None:
        """Out of the lists that it leaves."""
        if after is None or after.trunk_id != number.trunk_id:
            _leave(self._numbers_by_trunk, number.trunk_id, number.id)
        if after is None or after.agent_id != number.agent_id:
            _leave(self._numbers_by_agent, number.agent_id, number.id)
        if after is None or after.state != number.state:
            _leave(self._numbers_by_state, number.state, number.id)
        if self._numbers_by_e164.get(self._place(number)) == number.id:
            del self._numbers_by_e164[self._place(number)]

    def known(self, record: Record) -> Record | None:
        """The record of this kind that is there under its id."""
        match record:
            case Number():
                return self.numbers.get(record.id)
            case Trunk():
                return self.trunks.get(record.id)
            case Agent():
                return self.agents.get(record.id)
            case ApiKey():
                return self.keys.get(record.id)
            case Connection():
                return self.connections.get(record.id)
            case Webhook():
                return self.webhooks.get(record.id)
            case Organization():
                return self.organizations.get(record.id)

    def trunks_of(self, organization_id: str) -> Iterator[Trunk]:
        return map(self.trunks.__getitem__, self._trunks_by_organization.get(organization_id, ()))

    def agents_of(self, organization_id: str) -> Iterator[Agent]:
        return map(self.agents.__getitem__, self._agents_by_organization.get(organization_id, ()))

    def keys_of(self, organization_id: str | None) -> Iterator[ApiKey]:
        """Keys of the organization; with None, the keys of operators that belong to none."""
        return map(self.keys.__getitem__, self._keys_by_organization.get(organization_id or "", ()))

    def numbers_of(self, organization_id: str) -> Iterator[Number]:
        return map(self.numbers.__getitem__, self._numbers_by_organization.get(organization_id, ()))

    def number_ids(self, organization_id: str, trunk_id: str | None = None) -> Mapping[str, None]:
        """Ids of the organization's numbers, oldest first, or of those of them that are on a trunk, as they came onto
        it."""
        if trunk_id is None:
            return self._numbers_by_organization.get(organization_id, {})
        trunk = self.trunks.get(trunk_id)
        if trunk is None or trunk.organization_id != organization_id:
            return {}
        return self._numbers_by_trunk.get(trunk_id, {})

    def numbers_in(self, state: str) -> Mapping[str, None]:
        """Ids of all numbers in this state, whosever they are."""
        return self._numbers_by_state.get(state, {})

    def ids_on(self, trunk_id: str) -> Mapping[str, None]:
        """Ids of the numbers on the trunk."""
        return self._numbers_by_trunk.get(trunk_id, {})

    def ids_for(self, agent_id: str) -> Mapping[str, None]:
        """Ids of the numbers of the agent."""
        return self._numbers_by_agent.get(agent_id, {})

    def numbers_on(self, trunk_id: str) -> Iterator[Number]:
        return map(self.numbers.__getitem__, self._numbers_by_trunk.get(trunk_id, ()))

    def count_on(self, trunk_id: str) -> int:
        """How many numbers are on the trunk."""
        return len(self._numbers_by_trunk.get(trunk_id, ()))

    def numbers_for(self, agent_id: str) -> Iterator[Number]:
        return map(self.numbers.__getitem__, self._numbers_by_agent.get(agent_id, ()))

    def agents_on(self, trunk_id: str) -> Iterator[Agent]:
        return map(self.agents.__getitem__, self._agents_by_trunk.get(trunk_id, ()))

    def connections_of(self, organization_id: str) -> list[Connection]:
        """Oldest first; there are few."""
        found = [each for each in self.connections.values() if each.organization_id == organization_id]
        return sorted(found, key=lambda connection: connection.serial)

    def webhooks_of(self, organization_id: str) -> list[Webhook]:
        """Oldest first; there are few."""
        found = [each for each in self.webhooks.values() if each.organization_id == organization_id]
        return sorted(found, key=lambda webhook: webhook.id)

    def number_called(self, e164: str, organization_id: str = "") -> Number | None:
        """The number as this organization would meet it: within its own walls in a sandbox, anybody's when it is
        live."""
        id = self._numbers_by_e164.get((organization_id if self.is_sandbox(organization_id) else "", e164))
        return None if id is None else self.numbers[id]

    def is_sandbox(self, organization_id: str | None) -> bool:
        """Whether what this organization owns is a test key's."""
        organization = self.organizations.get(organization_id or "")
        return organization is not None and organization.sandbox_of is not None

    def sandbox_of(self, organization_id: str) -> Organization | None:
        """Where the organization's test keys act; None before the first one has."""
        id = self._sandboxes.get(organization_id)
        return None if id is None else self.organizations[id]

    def owner_of(self, organization_id: str) -> str:
        """The organization that people know: of a sandbox, the one whose it is."""
        organization = self.organizations.get(organization_id)
        return organization_id if organization is None else organization.sandbox_of or organization_id

    def record(self, kind: str, id: str) -> Record | None:
        """The record of a kind by its id."""
        match kind:
            case "number":
                return self.numbers.get(id)
            case "trunk":
                return self.trunks.get(id)
            case "agent":
                return self.agents.get(id)
            case "connection":
                return self.connections.get(id)
            case "webhook":
                return self.webhooks.get(id)
            case "key":
                return self.keys.get(id)
        return self.organizations.get(id)

    def _place(self, number: Number) -> tuple[str, str]:
        return number.organization_id if self.is_sandbox(number.organization_id) else "", number.e164

    def key_with(self, digest: bytes) -> ApiKey | None:
        id = self._keys_by_digest.get(digest)
        return None if id is None else self.keys[id]


def _enter(index: Index, owner: str | None, id: str) -> None:
    index.setdefault(owner or "", {})[id] = None


def _leave(index: Index, owner: str | None, id: str) -> None:
    members = index.get(owner or "")
    if members is not None:
        members.pop(id, None)
        if not members:
            del index[owner or ""]
