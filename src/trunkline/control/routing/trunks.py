"""Trunks: made, changed, removed, shown with their reachability."""

from __future__ import annotations

import asyncio
from typing import Literal, NamedTuple

from msgspec import UNSET, structs

from trunkline.control.answers import engine_answers, store_answers
from trunkline.control.breath import parts
from trunkline.control.configuration.state import Draft, State
from trunkline.control.errors import Conflict, Invalid, NotFound, Unavailable
from trunkline.control.ports import (
    Devices,
    Endpoints,
    Health,
    Registration,
    Registrations,
    TrunkHealth,
    TrunkTrial,
    TryTrunk,
)
from trunkline.control.routing.reach import orphans, without
from trunkline.control.routing.trunk_rules import DEFAULTS, TrunkWanted, applied, whole
from trunkline.model import ids
from trunkline.model.binding import Binding
from trunkline.model.number import Number
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.providers.sandbox import takes
from trunkline.store.database import errors as store_errors
from trunkline.store.rows.trunk_tests import TrunkTest
from trunkline.store.store import Store
from trunkline.trunk.identify import conflicts

MOST_LISTED = 100
"""How many of what stands in the way an error lists."""


_TRIED_AT_ONCE = 16

Verified = Literal["pending_verification", "active", "failed"]


class Finding(NamedTuple):
    """What was found out last of a peer, by a probe, a registration or a test."""

    state: Verified
    detail: str | None = None
    """Why it failed."""


class Trunks:
    __slots__ = ("_state", "_store", "_trying")

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store
        self._trying = asyncio.Semaphore(_TRIED_AT_ONCE)

    def all(self, organization_id: str, provider: str | None = None) -> list[Trunk]:
        """The organization's trunks, oldest first."""
        return [
            trunk
            for trunk in self._state.catalogue.trunks_of(organization_id)
            if provider is None or trunk.provider == provider
        ]

    def get(self, organization_id: str, id: str) -> Trunk:
        """Raises `NotFound`."""
        trunk = self._state.catalogue.trunks.get(id)
        if trunk is None or trunk.organization_id != organization_id:
            raise NotFound("trunk_not_found", "There is no trunk with this id.")
        return trunk

    def count(self, trunk_id: str) -> int:
        """How many numbers are on it."""
        return self._state.catalogue.count_on(trunk_id)

    def numbers(self, trunk_id: str, most: int) -> list[Number]:
        """The first `most` numbers on it."""
        found: list[Number] = []
        for number in self._state.catalogue.numbers_on(trunk_id):
            if len(found) == most:
                break
            found.append(number)
        return found

    async def health(self, trunk_ids: tuple[str, ...]) -> dict[str, Health]:
        """As the probes see them; nothing when the engine cannot be asked."""
        try:
            return await self._state.engine.ask(TrunkHealth(trunk_ids=trunk_ids))
        except ConnectionError:
            return {}

    async def registrations(self, trunk_ids: tuple[str, ...]) -> dict[str, Registration]:
        """What those of them that register have come to; nothing when the engine cannot be asked."""
        try:
            return await self._state.engine.ask(Registrations(trunk_ids=trunk_ids))
        except ConnectionError:
            return {}

    async def test(self, trunk: Trunk) -> TrunkTest:
        """Ask the peer whether it is there and takes the credentials. Raises `Unavailable`; a peer that does not answer
        is a result."""
        async with self._trying:
            with engine_answers():
                tried = await self._trial(trunk)
        test = TrunkTest(trunk.id, self._state.wall(), tried.status, tried.latency, tried.registration, tried.detail)
        try:
            async with self._store.write() as unit:
                await unit.trunk_tests.put(test)
        except store_errors.Conflict:
            raise NotFound("trunk_not_found", "There is no trunk with this id.") from None
        except store_errors.Unavailable:
            raise Unavailable("store_unavailable", "The database does not answer now.") from None
        return test

    async def _trial(self, trunk: Trunk) -> TrunkTrial:
        if not self._state.catalogue.is_sandbox(trunk.organization_id):
            return await self._state.engine.ask(TryTrunk(trunk))
        # Nothing of a test key goes out: the sandbox's own peer answers for every address.
        shown = {} if trunk.username is None else {"username": Secret(trunk.username)}
        if trunk.password is not None:
            shown["password"] = trunk.password
        if not takes(shown):
            return TrunkTrial(status="auth_failed", latency=0.042, registration="failed", detail="invalid credentials")
        registration: Literal["verified", "skipped"] = "skipped" if trunk.username is None else "verified"
        return TrunkTrial(status="reachable", latency=0.042, registration=registration)

    async def verified(self, trunk_ids: tuple[str, ...]) -> dict[str, Finding]:
        """Of each. Raises `Unavailable`."""
        with store_answers():
            async with self._store.read() as unit:
                tests = await unit.trunk_tests.of(trunk_ids)
        healths, registrations = await self.health(trunk_ids), await self.registrations(trunk_ids)
        found: dict[str, Finding] = {}
        for id in trunk_ids:
            said: list[tuple[float, bool, str | None]] = []
            if (test := tests.get(id)) is not None:
                said.append((test.at, test.status == "reachable", test.detail))
            if (health := healths.get(id)) is not None and health.state != "unknown":
                said.append((health.checked_at or health.since or 0.0, health.state == "reachable", health.detail))
            if (standing := registrations.get(id)) is not None and standing.state in ("registered", "failed"):
                said.append((standing.since, standing.state == "registered", standing.detail))
            if said:
                _, good, detail = max(said, key=lambda each: each[:2])
                found[id] = Finding("active") if good else Finding("failed", detail)
            else:
                found[id] = Finding("pending_verification")
        return found

    async def endpoints(self) -> dict[str, str]:
        """The URI at which peers reach us, by transport; nothing when the engine cannot be asked."""
        try:
            found = await self._state.engine.ask(Endpoints())
        except ConnectionError:
            return {}
        return {endpoint.transport: endpoint.uri for endpoint in reversed(found)}

    async def devices(self, trunk_ids: tuple[str, ...]) -> tuple[Binding, ...]:
        """The devices that registered for them; nothing when the engine cannot be asked."""
        try:
            return await self._state.engine.ask(Devices(trunk_ids=trunk_ids))
        except ConnectionError:
            return ()

    async def create(self, organization_id: str, wanted: TrunkWanted) -> Trunk:
        """Raises `Invalid` and `Conflict`. Nothing is sent to the peer."""
        if wanted.name is UNSET:
            raise Invalid("missing_required_field", "name is required.", field="name")
        wall = self._state.wall()
        blank = Trunk(id=self._state.mint(), organization_id=organization_id, name="", created_at=wall, updated_at=wall)
        provider = "generic" if wanted.provider is UNSET else wanted.provider
        trunk = applied(structs.replace(blank, provider=provider, **DEFAULTS.get(provider, {})), wanted)
        whole(trunk)
        async with self._state.change() as draft:
            trunk = self._answered(trunk)
            self.alone(trunk)
            draft.put(trunk)
        return trunk

    async def change(self, organization_id: str, id: str, wanted: TrunkWanted) -> Trunk:
        """Change what is said. Calls that go on keep the trunk they began with. Raises as `create`, and `NotFound`."""
        async with self._state.change() as draft:
            before = self.get(organization_id, id)
            trunk = self._answered(applied(before, wanted))
            whole(trunk)
            if trunk == before:
                return before
            wall = self._state.wall()
            if _credentials(trunk) != _credentials(before):
                trunk = structs.replace(trunk, reprovision_required=True, credentials_changed_at=wall)
            trunk = structs.replace(trunk, updated_at=wall)
            self.alone(trunk)
            draft.put(trunk)
        return trunk

    async def delete(self, organization_id: str, id: str, *, cascade: bool = False) -> None:
        """Remove the trunk, and the numbers on it that are not active; with `cascade` the active ones too, and the
        agents it is needed for. Nothing is released at a provider. Raises `NotFound` and `Conflict`."""
        catalogue = self._state.catalogue
        async with self._state.change() as draft:
            trunk = self.get(organization_id, id)
            numbers = list(catalogue.numbers_on(id))
            if not cascade:
                _free_of_active(numbers)
            made_here, others = orphans(catalogue.agents_on(id))
            if others and not cascade:
                raise Conflict(
                    "trunk_has_agents",
                    "Agents are reached by this trunk: remove them first, or delete with cascade=true.",
                    listed={"agents": [agent.id for agent in others][:MOST_LISTED]},
                )
            gone: set[str] = set()
            async for part in parts(numbers):
                for number in part:
                    draft.remove("number", number.id)
                    gone.add(number.id)
            self._release(draft, [agent.id for agent in made_here + others], gone)
            organization = catalogue.organizations[organization_id]
            if organization.default_trunk_id == id:
                draft.put(structs.replace(organization, default_trunk_id=None, updated_at=self._state.wall()))
            draft.remove("trunk", trunk.id)

    def _release(self, draft: Draft, agent_ids: list[str], gone: set[str]) -> None:
        """Remove these agents, from the numbers and groups that name them first."""
        catalogue, wall = self._state.catalogue, self._state.wall()
        dead = set(agent_ids)
        for agent_id in agent_ids:
            for number in catalogue.numbers_for(agent_id):
                if number.id not in gone:
                    draft.put(structs.replace(number, agent_id=None, updated_at=wall))
        if not dead:
            return
        organization_id = catalogue.agents[agent_ids[0]].organization_id
        for group in catalogue.agents_of(organization_id):
            if group.id not in dead and not dead.isdisjoint(group.members):
                members = tuple(member for member in group.members if member not in dead)
                steps = {member: step for member, step in group.steps.items() if member not in dead}
                draft.put(structs.replace(group, members=members, steps=steps, updated_at=wall))
        for trunk in without(catalogue.trunks_of(organization_id), dead):
            draft.put(structs.replace(trunk, updated_at=wall))
        for agent_id in agent_ids:
            draft.remove("agent", agent_id)

    def _answered(self, trunk: Trunk) -> Trunk:
        """The trunk with the agents of its ranges. Raises `NotFound` for one that is not there."""
        found = []
        for one in trunk.ranges:
            id = ids.bare(one.agent_id)
            agent = None if id is None else self._state.catalogue.agents.get(id)
            if agent is None or agent.organization_id != trunk.organization_id:
                raise NotFound(
                    "agent_not_found", "There is no agent with this id.", field="ranges", provided=one.agent_id
                )
            found.append(structs.replace(one, agent_id=agent.id))
        return structs.replace(trunk, ranges=tuple(found))

    def alone(self, trunk: Trunk) -> None:
        """Raises `Conflict` when its name is taken, or its calls could not be told from another trunk's."""
        others = [other for other in self._state.catalogue.trunks_of(trunk.organization_id) if other.id != trunk.id]
        if any(other.name == trunk.name for other in others):
            raise Conflict(
                "trunk_name_exists",
                "A trunk with this name exists already.",
                field="name",
                provided=trunk.name,
            )
        found = [conflict for conflict in conflicts([*others, trunk]) if trunk.id in (conflict.first, conflict.second)]
        if found:
            raise Conflict(
                "trunk_identity_conflict",
                f"Calls from {found[0].network} could not be told from those of another trunk: give one of them "
                "another transport, server or digest user, or other networks.",
                field="networks",
                provided=found[0].network,
                listed={
                    "trunks": [conflict.first if conflict.second == trunk.id else conflict.second for conflict in found]
                },
            )


def _free_of_active(numbers: list[Number]) -> None:
    active = [number.e164 for number in numbers if number.state == "active"]
    if active:
        raise Conflict(
            "trunk_has_active_numbers",
            f"{len(active)} active phone numbers are on this trunk: remove them first, or delete with cascade=true.",
            listed={"phone_numbers": active[:MOST_LISTED]},
        )


def _credentials(trunk: Trunk) -> tuple[object, ...]:
    return trunk.username, trunk.password, trunk.settings
