"""Phone numbers: imported, changed, removed, and what their agents are called."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.breath import parts
from trunkline.control.configuration.state import Draft, State
from trunkline.control.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Refusal, Unavailable
from trunkline.control.routing.agents import external_id
from trunkline.control.routing.reach import stands_for
from trunkline.control.window import Budget, Windows
from trunkline.model import ids
from trunkline.model.agent import Agent
from trunkline.model.number import Number, NumberConfig, NumberState
from trunkline.model.secret import Secret
from trunkline.model.trunk import ENGINES, Trunk
from trunkline.providers.plan import country_of

IMPORTS = 10
"""Imports in a minute, for an organization."""

_AT_REST = ("inactive", "suspended")
"""States that a number keeps on another trunk: somebody took it out of use."""


_TOGETHER = 100
"""Numbers that are imported in one transaction."""


class ConfigWanted(msgspec.Struct, frozen=True, kw_only=True):
    first_message: str | UnsetType | None = UNSET
    max_duration: int | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET


class NumberWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a number shall be, as far as is said: unset leaves a value, None puts its default back."""

    e164: str | UnsetType = UNSET
    trunk_id: str | UnsetType | None = UNSET
    connection_id: UnsetType | None = UNSET
    """None: it is no longer of the account that it came from."""
    engine: str | UnsetType | None = UNSET
    """Only a claim, checked against the trunk: what the number's engine is follows from its trunk or agent."""
    agent_id: str | UnsetType | None = UNSET
    state: NumberState | UnsetType = UNSET
    supports_inbound: bool | UnsetType | None = UNSET
    supports_outbound: bool | UnsetType | None = UNSET
    config: ConfigWanted | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    inbound_pin: Secret | UnsetType | None = UNSET
    label: str | UnsetType | None = UNSET


class NumberFilter(msgspec.Struct, frozen=True, kw_only=True):
    trunk_id: str | None = None
    states: tuple[str, ...] | None = None
    engine: str | None = None
    page: int = 1
    per_page: int = 20


class Numbers:
    __slots__ = ("_clock", "_state", "imports")

    def __init__(self, state: State, clock: Callable[[], float] = time.monotonic, imports: int = IMPORTS) -> None:
        self._state = state
        self._clock = clock
        self.imports = Windows(imports, 60.0)

    def budget(self, organization_id: str) -> Budget:
        """What is left of the organization's imports."""
        return self.imports.budget(organization_id, self._clock())

    def page(self, organization_id: str, asked: NumberFilter) -> tuple[list[Number], int]:
        """One page of the numbers that pass the filter, oldest first, and how many pass it."""
        numbers = self._state.catalogue.numbers
        ids_: Collection[str] = self._state.catalogue.number_ids(organization_id, asked.trunk_id)
        for some in self._passing(organization_id, asked):
            ids_ = list(filter(some.__contains__, ids_))
        start = (asked.page - 1) * asked.per_page
        return [numbers[id] for id in itertools.islice(ids_, start, start + asked.per_page)], len(ids_)

    def _passing(self, organization_id: str, asked: NumberFilter) -> Iterator[Collection[str]]:
        """For each condition, the ids of all numbers that meet it: found by their indexes, not by looking at each."""
        catalogue = self._state.catalogue
        if asked.states is not None:
            first, *others = map(catalogue.numbers_in, asked.states)
            yield {**first, **{id: None for ids_ in others for id in ids_}} if others else first
        if asked.engine is not None:
            found: set[str] = set()
            elsewhere: set[str] = set()
            for agent in catalogue.agents_of(organization_id):
                if agent.kind == asked.engine:
                    found.update(catalogue.ids_for(agent.id))
            for trunk in catalogue.trunks_of(organization_id):
                if trunk.engine:  # whatever its agent is
                    which = found if trunk.provider == asked.engine else elsewhere
                    which.update(catalogue.ids_on(trunk.id))
            yield found - elsewhere

    def get(self, organization_id: str, id: str) -> Number:
        """Raises `NotFound`."""
        number = self._state.catalogue.numbers.get(id)
        if number is None or number.organization_id != organization_id:
            raise NotFound("phone_not_found", "There is no phone number with this id.")
        return number

    def trunk(self, number: Number) -> Trunk | None:
        return None if number.trunk_id is None else self._state.catalogue.trunks.get(number.trunk_id)

    def agent(self, number: Number) -> Agent | None:
        return None if number.agent_id is None else self._state.catalogue.agents.get(number.agent_id)

    def provider(self, number: Number) -> str | None:
        """Who the number is from: the account it came through, else its carrier's trunk, where that is one we know."""
        if number.supply is not None and number.supply.provider is not None:
            return number.supply.provider
        trunk = self.trunk(number)
        return None if trunk is None or trunk.engine or trunk.provider == "generic" else trunk.provider

    def country(self, number: Number) -> str | None:
        """ISO 3166 alpha-2: as its provider said, else as its prefix says; None where several share it."""
        if number.supply is not None and number.supply.country is not None:
            return number.supply.country
        return country_of(number.e164)

    def engine(self, number: Number) -> str | None:
        """The voice engine behind the number: its trunk's, else its agent's; None when it has neither."""
        trunk = self.trunk(number)
        if trunk is not None and trunk.engine:
            return trunk.provider
        agent = self.agent(number)
        return agent.kind if agent is not None and agent.kind in ENGINES else None

    def stale(self, number: Number) -> bool:
        """Whether credentials changed since the provider was told of it."""
        trunk = self.trunk(number)
        if number.reprovision_required or trunk is None or not trunk.reprovision_required:
            return number.reprovision_required
        told = number.created_at if number.provisioned_at is None else number.provisioned_at
        return trunk.credentials_changed_at is None or told <= trunk.credentials_changed_at

    async def import_(self, organization_id: str, wanted: NumberWanted, *, counted: bool = True) -> Number:
        """A new number on a trunk. Raises `Invalid`, `NotFound`, `Conflict` and, when too many were imported in the
        last minute, `Limited`. Only what is imported spends the budget, and nothing unless it is `counted`."""
        spent = False
        try:
            async with self._state.change() as draft:
                number = self._new(draft, organization_id, wanted)
                if counted:
                    self._spend(organization_id)
                    spent = True
                draft.put(number)
        except (Conflict, Unavailable) as refusal:
            if spent and not refusal.stands:
                self.imports.give_back(organization_id, self._clock())
            raise
        return number

    async def import_all(self, organization_id: str, wanted: Sequence[NumberWanted]) -> list[Number | Refusal]:
        """Each of these as by `import_`, but many in one transaction: the number, or in its place why it was refused.
        Raises `Unavailable`; those before are then imported."""
        found: list[Number | Refusal] = []
        async for part in parts(wanted, _TOGETHER):
            found += await self._import_together(organization_id, part)
        return found

    async def _import_together(self, organization_id: str, wanted: Sequence[NumberWanted]) -> list[Number | Refusal]:
        found: list[Number | Refusal] = []
        spent = 0
        try:
            async with self._state.change() as draft:
                taken: set[str] = set()
                for each in wanted:
                    before = len(draft.changes)
                    try:
                        number = self._new(draft, organization_id, each)
                        if number.e164 in taken:
                            raise _there(number.e164)
                        self._spend(organization_id)
                    except (Invalid, Conflict, Limited, NotFound) as refusal:
                        del draft.changes[before:]
                        found.append(refusal)
                    else:
                        spent += 1
                        taken.add(number.e164)
                        draft.put(number)
                        found.append(number)
        except (Conflict, Unavailable) as refusal:
            if refusal.code != "engine_unavailable":
                self.imports.give_back(organization_id, self._clock(), spent)
            if isinstance(refusal, Unavailable):
                raise
            # Another process took one of them meanwhile: each by itself, then.
            return [await self._import_alone(organization_id, each) for each in wanted]
        return found

    async def _import_alone(self, organization_id: str, wanted: NumberWanted) -> Number | Refusal:
        try:
            return await self.import_(organization_id, wanted)
        except (Invalid, Conflict, Limited, NotFound) as refusal:
            return refusal

    def _spend(self, organization_id: str) -> None:
        if not self.imports.take(organization_id, self._clock()):
            message = f"At most {self.imports.limit} numbers are imported a minute."
            raise Limited("import_limit_exceeded", message)

    def _new(self, draft: Draft, organization_id: str, wanted: NumberWanted) -> Number:
        for field in ("e164", "trunk_id"):
            if getattr(wanted, field) in (UNSET, None):
                raise Invalid("missing_required_field", f"{field} is required.", field=field)
        e164 = fields.phone_number(str(wanted.e164), "e164")
        trunk = self._named_trunk(organization_id, str(wanted.trunk_id))
        if isinstance(wanted.engine, str) and trunk.engine and trunk.provider != wanted.engine:
            fields.refuse("engine", f"The trunk is one of {trunk.provider}.", wanted.engine)
        wall = self._state.wall()
        blank = Number(
            id=self._state.mint(),
            organization_id=organization_id,
            e164=e164,
            trunk_id=trunk.id,
            state=_first_state(trunk),
            created_at=wall,
            updated_at=wall,
        )
        number = self._applied(draft, blank, trunk, wanted)
        if self._state.catalogue.number_called(e164, organization_id) is not None:
            raise _there(e164)
        return number

    def check(self, organization_id: str, wanted: NumberWanted) -> None:
        """Raises `Invalid` and `NotFound` for what no number can be, before anything is done for one."""
        blank = Number(id="", organization_id=organization_id, e164=fields.phone_number(str(wanted.e164), "e164"))
        self._applied(Draft(), blank, None, wanted)

    async def change(self, organization_id: str, id: str, wanted: NumberWanted, *, operator: bool = False) -> Number:
        """Change what is said; the next INVITE obeys, calls that go on are left alone. On another trunk it begins as an
        imported number does. Raises `NotFound`, and `Invalid`, also for a state that is not reached by hand."""
        async with self._state.change() as draft:
            before = self.get(organization_id, id)
            trunk = self.trunk(before)
            if wanted.trunk_id is not UNSET:
                trunk = None if wanted.trunk_id is None else self._named_trunk(organization_id, wanted.trunk_id)
            number = before
            trunk_id = None if trunk is None else trunk.id
            if trunk_id != before.trunk_id:
                state = before.state if before.state in _AT_REST else _first_state(trunk)
                number = structs.replace(number, trunk_id=trunk_id, state=state)
            if wanted.connection_id is None and number.supply is not None:
                number = structs.replace(number, supply=structs.replace(number.supply, connection_id=None))
            number = self._applied(draft, number, trunk, wanted)
            if wanted.state is not UNSET and wanted.state != number.state:
                number = self._turned(number, wanted.state, operator=operator)
            if number == before:
                return before
            number = structs.replace(number, updated_at=self._state.wall())
            draft.put(number)
        return number

    def _turned(self, number: Number, state: NumberState, *, operator: bool) -> Number:
        if "suspended" in (state, number.state) and not operator:
            raise Forbidden("insufficient_permissions", "Operators suspend numbers, and end that.", field="state")
        if number.state not in ("active", *_AT_REST):
            fields.refuse("state", f"A number that is {number.state} is not made {state} by hand.")
        return structs.replace(number, state=state, suspended_at=self._state.wall() if state == "suspended" else None)

    async def delete(self, organization_id: str, id: str) -> None:
        """Remove it here; nothing is released at a provider. Raises `NotFound`."""
        async with self._state.change() as draft:
            draft.remove("number", self.get(organization_id, id).id)

    def _named_trunk(self, organization_id: str, text: str) -> Trunk:
        id = ids.bare(text)
        trunk = None if id is None else self._state.catalogue.trunks.get(id)
        if trunk is None or trunk.organization_id != organization_id:
            raise NotFound("trunk_not_found", "There is no trunk with this id.", field="trunk_id", provided=text)
        return trunk

    def _applied(self, draft: Draft, number: Number, trunk: Trunk | None, wanted: NumberWanted) -> Number:
        changes: dict[str, Any] = {}
        if wanted.agent_id is not UNSET:
            changes["agent_id"] = (
                None if wanted.agent_id is None else self._agent(draft, number, trunk, wanted.agent_id)
            )
        for field in ("supports_inbound", "supports_outbound"):
            value = getattr(wanted, field)
            if value is not UNSET:
                changes[field] = value is not False
        if wanted.config is not UNSET:
            changes["config"] = _config(number.config, wanted.config)
        if wanted.metadata is not UNSET:
            changes["metadata"] = {} if wanted.metadata is None else fields.metadata(wanted.metadata)
        if wanted.inbound_pin is not UNSET:
            pin = wanted.inbound_pin
            changes["inbound_pin"] = None if pin is None else Secret(fields.pin(pin.reveal()))
        if wanted.label is not UNSET:
            changes["label"] = None if wanted.label is None else fields.line(100)(wanted.label, "label")
        return structs.replace(number, **changes)

    def _agent(self, draft: Draft, number: Number, trunk: Trunk | None, text: str) -> str:
        """Our own agent; else, on an engine's trunk, the agent that stands for the engine's id, made when it is new."""
        catalogue = self._state.catalogue
        id = ids.bare(text)
        agent = None if id is None else catalogue.agents.get(id)
        if agent is not None and agent.organization_id == number.organization_id:
            return agent.id
        if trunk is None or not trunk.engine or id is not None:
            raise NotFound("agent_not_found", "There is no agent with this id.", field="agent_id", provided=text)
        external_id(text, "agent_id")
        made_just_now = [each for each in draft.changes if isinstance(each, Agent) and each.trunk_id == trunk.id]
        for known in itertools.chain(catalogue.agents_on(trunk.id), made_just_now):
            if known.external_id == text:
                return known.id
        wall = self._state.wall()
        kind: Any = trunk.provider
        made = Agent(
            id=self._state.mint(),
            organization_id=number.organization_id,
            name=text,
            kind=kind,
            trunk_id=trunk.id,
            external_id=text,
            created_at=wall,
            updated_at=wall,
        )
        draft.put(made)
        return made.id


def _there(e164: str) -> Conflict:
    return Conflict("phone_number_exists", "This phone number is imported already.", field="e164", provided=e164)


def agent_shown(agent: Agent | None) -> str | None:
    """How a number names its agent when it is not by our own id: as the engine does, for one made for its id."""
    return agent.external_id if agent is not None and stands_for(agent) else None


def _first_state(trunk: Trunk | None) -> NumberState:
    # An engine has to be told of the number first; a carrier sends its calls already.
    told = (
        trunk is None
        or trunk.provider not in ("elevenlabs", "openai")
        or (trunk.provider == "openai" and trunk.provisioned_at is not None)
    )
    return "active" if told else "provisioning"


def _config(config: NumberConfig, wanted: ConfigWanted | None) -> NumberConfig:
    if wanted is None:
        return NumberConfig()
    changes: dict[str, Any] = {}
    if wanted.first_message is not UNSET:
        text = wanted.first_message
        changes["first_message"] = None if text is None else fields.line(1000)(text, "config.first_message")
    if wanted.max_duration is not UNSET:
        length = wanted.max_duration
        changes["max_duration"] = None if length is None else fields.count(1, 86400)(length, "config.max_duration")
    if wanted.language is not UNSET:
        tag = wanted.language
        changes["language"] = None if tag is None else fields.language(tag, "config.language")
    return structs.replace(config, **changes)
