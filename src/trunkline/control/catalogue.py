"""Everything that is configured, in memory: what single reads and rules look at, so that neither asks the database.

It holds the very records that the routing table holds; what it adds are the ways in that people need (by organization,
by trunk, by agent). Only `state.State` writes to it, after the store has committed and the engine has taken the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trunkline.model.agent import Agent
from trunkline.model.key import ApiKey
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk

Record = Organization | Trunk | Agent | Number | ApiKey

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
        "_numbers_by_trunk",
        "_trunks_by_organization",
        "agents",
        "keys",
        "numbers",
        "organizations",
        "trunks",
    )

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.organizations: dict[str, Organization] = {}
        self.trunks: dict[str, Trunk] = {}
        self.agents: dict[str, Agent] = {}
        self.numbers: dict[str, Number] = {}
        self.keys: dict[str, ApiKey] = {}
        self._trunks_by_organization: Index = {}
        self._agents_by_organization: Index = {}
        self._numbers_by_organization: Index = {}
        self._keys_by_organization: Index = {}
        self._agents_by_trunk: Index = {}
        self._numbers_by_trunk: Index = {}
        self._numbers_by_agent: Index = {}
        self._numbers_by_e164: dict[str, str] = {}
        self._keys_by_digest: dict[bytes, str] = {}
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Take a record in, in place of the one with its id."""
        match record:
            case Number():
                if record.id in self.numbers:
                    before = self.numbers[record.id]
                    if (before.trunk_id, before.agent_id, before.e164) != (
                        record.trunk_id,
                        record.agent_id,
                        record.e164,
                    ):
                        self.remove("number", record.id)
                self.numbers[record.id] = record
                _enter(self._numbers_by_organization, record.organization_id, record.id)
                _enter(self._numbers_by_trunk, record.trunk_id, record.id)
                _enter(self._numbers_by_agent, record.agent_id, record.id)
                self._numbers_by_e164[record.e164] = record.id
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
            case Organization():
                self.organizations[record.id] = record

    def remove(self, kind: str, id: str) -> None:
        if kind == "number" and (number := self.numbers.pop(id, None)):
            _leave(self._numbers_by_organization, number.organization_id, id)
            _leave(self._numbers_by_trunk, number.trunk_id, id)
            _leave(self._numbers_by_agent, number.agent_id, id)
            if self._numbers_by_e164.get(number.e164) == id:
                del self._numbers_by_e164[number.e164]
        elif kind == "trunk" and (trunk := self.trunks.pop(id, None)):
            _leave(self._trunks_by_organization, trunk.organization_id, id)
        elif kind == "agent" and (agent := self.agents.pop(id, None)):
            _leave(self._agents_by_organization, agent.organization_id, id)
            _leave(self._agents_by_trunk, agent.trunk_id, id)
        elif kind == "key" and (key := self.keys.pop(id, None)):
            _leave(self._keys_by_organization, key.organization_id, id)
            self._keys_by_digest.pop(key.digest, None)
        elif kind == "organization":
            self.organizations.pop(id, None)

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

    def number_ids(self, organization_id: str, trunk_id: str | None = None) -> list[str]:
        """Ids of the organization's numbers, or of those of them that are on a trunk; a copy, made quickly."""
        if trunk_id is None:
            return list(self._numbers_by_organization.get(organization_id, ()))
        trunk = self.trunks.get(trunk_id)
        if trunk is None or trunk.organization_id != organization_id:
            return []
        return list(self._numbers_by_trunk.get(trunk_id, ()))

    def numbers_on(self, trunk_id: str) -> Iterator[Number]:
        return map(self.numbers.__getitem__, self._numbers_by_trunk.get(trunk_id, ()))

    def count_on(self, trunk_id: str) -> int:
        """How many numbers are on the trunk."""
        return len(self._numbers_by_trunk.get(trunk_id, ()))

    def numbers_for(self, agent_id: str) -> Iterator[Number]:
        return map(self.numbers.__getitem__, self._numbers_by_agent.get(agent_id, ()))

    def agents_on(self, trunk_id: str) -> Iterator[Agent]:
        return map(self.agents.__getitem__, self._agents_by_trunk.get(trunk_id, ()))

    def number_called(self, e164: str) -> Number | None:
        id = self._numbers_by_e164.get(e164)
        return None if id is None else self.numbers[id]

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
