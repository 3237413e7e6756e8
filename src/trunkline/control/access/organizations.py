"""Organizations: kept by operators, seen by their own keys."""

from __future__ import annotations

from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.access.keys import Caller
from trunkline.control.access.outbound_rules import OutboundWanted, ruled
from trunkline.control.configuration.catalogue import Catalogue
from trunkline.control.configuration.state import Draft, State
from trunkline.control.errors import Conflict, NotFound
from trunkline.model import ids
from trunkline.model.organization import Organization


class Organizations:
    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def visible(self, caller: Caller) -> list[Organization]:
        """All of them to an operator, else the caller's own; oldest first."""
        known = self._state.catalogue.organizations
        if caller.operator:
            return [known[id] for id in sorted(known) if known[id].sandbox_of is None]
        own = known.get(caller.organization_id or "")
        return [] if own is None else [own]

    def get(self, caller: Caller, id: str) -> Organization:
        """Raises `NotFound`."""
        organization = self._state.catalogue.organizations.get(id)
        hidden = organization is None or organization.sandbox_of is not None
        if organization is None or hidden or not (caller.operator or caller.organization_id == id):
            raise NotFound("organization_not_found", "There is no organization with this id.")
        return organization

    async def sandbox(self, id: str) -> str:
        """The id under which the organization's test keys act; made when the first of them asks."""
        found = self._state.catalogue.sandbox_of(id)
        if found is not None:
            return found.id
        async with self._state.change(audited=False) as draft:
            found = self._state.catalogue.sandbox_of(id)
            if found is None:
                wall = self._state.wall()
                found = Organization(
                    id=self._state.mint(), name="Sandbox", sandbox_of=id, created_at=wall, updated_at=wall
                )
                draft.put(found)
        return found.id

    async def create(self, name: str) -> Organization:
        """Raises `Invalid`."""
        wall = self._state.wall()
        organization = Organization(id=self._state.mint(), name=fields.name(name), created_at=wall, updated_at=wall)
        async with self._state.change() as draft:
            draft.put(organization)
        return organization

    async def change(
        self,
        caller: Caller,
        id: str,
        *,
        name: str | UnsetType = UNSET,
        default_trunk_id: str | UnsetType | None = UNSET,
        outbound: OutboundWanted | UnsetType | None = UNSET,
    ) -> Organization:
        """Raises `NotFound` and `Invalid`."""
        async with self._state.change() as draft:
            organization = self.get(caller, id)
            if name is not UNSET:
                organization = structs.replace(organization, name=fields.name(name))
            if default_trunk_id is not UNSET:
                organization = structs.replace(organization, default_trunk_id=self._carrier(id, default_trunk_id))
            if outbound is not UNSET:
                organization = structs.replace(organization, outbound=ruled(organization.outbound, outbound))
            organization = structs.replace(organization, updated_at=self._state.wall())
            draft.put(organization)
        return organization

    async def delete(self, caller: Caller, id: str) -> None:
        """Raises `NotFound`, and `Conflict` while it has anything but keys, which go with it."""
        catalogue = self._state.catalogue
        async with self._state.change() as draft:
            organization = self.get(caller, id)
            trunks, agents = list(catalogue.trunks_of(id)), list(catalogue.agents_of(id))
            numbers = [number.e164 for number in catalogue.numbers_of(id)]
            if trunks or agents or numbers:
                raise Conflict(
                    "organization_not_empty",
                    "Remove its numbers, agents and trunks first.",
                    listed={
                        "trunks": [trunk.id for trunk in trunks][:100],
                        "agents": [agent.id for agent in agents][:100],
                        "phone_numbers": numbers[:100],
                    },
                )
            for key in list(catalogue.keys_of(id)):
                draft.remove("key", key.id)
            _disconnect(draft, catalogue, id)
            sandbox = catalogue.sandbox_of(id)
            if sandbox is not None:
                self._clear(draft, sandbox.id)
            draft.remove("organization", organization.id)

    def _clear(self, draft: Draft, id: str) -> None:
        """Remove a sandbox and all that test keys made in it."""
        catalogue = self._state.catalogue
        _disconnect(draft, catalogue, id)
        for number in list(catalogue.numbers_of(id)):
            draft.remove("number", number.id)
        for agent in list(catalogue.agents_of(id)):
            draft.remove("agent", agent.id)
        for trunk in list(catalogue.trunks_of(id)):
            draft.remove("trunk", trunk.id)
        draft.remove("organization", id)

    def _carrier(self, organization_id: str, text: str | None) -> str | None:
        if text is None:
            return None
        id = ids.bare(text)
        trunk = None if id is None else self._state.catalogue.trunks.get(id)
        if trunk is None or trunk.organization_id != organization_id:
            raise NotFound(
                "trunk_not_found", "There is no trunk with this id.", field="default_trunk_id", provided=text
            )
        if trunk.dials_out:
            fields.refuse("default_trunk_id", "The default trunk is a carrier's, not an engine's or a PBX's.", text)
        return trunk.id


def _disconnect(draft: Draft, catalogue: Catalogue, id: str) -> None:
    """Remove what binds an organization to others: accounts at providers, webhooks."""
    for connection in catalogue.connections_of(id):
        draft.remove("connection", connection.id)
    for webhook in catalogue.webhooks_of(id):
        draft.remove("webhook", webhook.id)
