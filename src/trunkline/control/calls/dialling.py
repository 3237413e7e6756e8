"""Calls that are begun from here: an agent connected with a telephone."""

from __future__ import annotations

import msgspec

from trunkline.control import fields
from trunkline.control.answers import engine_answers
from trunkline.control.calls.calls import Calls
from trunkline.control.configuration.state import State
from trunkline.control.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Limited,
    NotFound,
    Refusal,
    Unavailable,
    Unprocessable,
)
from trunkline.control.ports import NotPlaced, Place
from trunkline.model import ids
from trunkline.model.call import CallRecord


class CallWanted(msgspec.Struct, frozen=True, kw_only=True):
    calling: str
    """A number of the organization, E.164."""
    to: str
    """E.164."""
    agent_id: str
    metadata: dict[str, str] = {}
    timeout: float = 60.0
    """Seconds that the telephone may ring."""


_NOT_BACKED = frozenset({"caller-not-active", "outbound-not-supported", "number-not-backed", "no-carrier"})
_NOT_ALLOWED = frozenset({"destination-not-allowed", "premium-not-allowed", "emergency-not-enabled"})
_LIMITS = frozenset({"outbound-rate", "outbound-full", "outbound-limit", "edge-full"})


class Dialling:
    __slots__ = ("_calls", "_state")

    def __init__(self, state: State, calls: Calls) -> None:
        self._state = state
        self._calls = calls

    async def place(self, organization_id: str, wanted: CallWanted) -> CallRecord:
        """The call, just begun; its record tells what becomes of it. Raises a `Refusal` when it may not begin, and then
        nothing was sent to anybody."""
        catalogue = self._state.catalogue
        calling = fields.phone_number(wanted.calling, "from")
        to = fields.phone_number(wanted.to, "to")
        metadata = fields.metadata(wanted.metadata)
        if catalogue.is_sandbox(organization_id):
            raise Forbidden("feature_not_enabled", "A test key calls nobody: use a live one.")
        number = catalogue.number_called(calling, organization_id)
        if number is None or number.organization_id != organization_id:
            raise NotFound(
                "phone_not_found", "There is no such phone number of yours.", field="from", provided=wanted.calling
            )
        bare = ids.bare(wanted.agent_id)
        agent = catalogue.agents.get(bare) if bare is not None else None
        if agent is None or agent.organization_id != organization_id:
            raise NotFound(
                "agent_not_found", "There is no agent with this id.", field="agent_id", provided=wanted.agent_id
            )
        asked = Place(
            call_id=self._state.mint(),
            organization_id=organization_id,
            calling=calling,
            to=to,
            agent_id=agent.id,
            timeout=wanted.timeout,
            metadata=metadata,
        )
        with engine_answers():
            found = await self._state.engine.ask(asked)
        if isinstance(found, NotPlaced):
            raise _refusal(found, wanted)
        return found if found is not None else await self._calls.get(organization_id, asked.call_id)


def _refusal(found: NotPlaced, wanted: CallWanted) -> Refusal:
    cause, words = found.cause, f"{found.detail} {found.mend}"
    if cause in _NOT_BACKED:
        return Unprocessable("number_not_voip_backed", words, field="from", provided=wanted.calling)
    if cause in _NOT_ALLOWED:
        return Forbidden("destination_not_allowed", words, field="to", provided=wanted.to)
    if cause in _LIMITS:
        return Limited("outbound_limit_reached", words)
    if cause == "not-a-number":
        return Invalid("invalid_phone_number", words, field="to", provided=wanted.to)
    if cause == "caller-not-owned":
        return NotFound("phone_not_found", words, field="from", provided=wanted.calling)
    if cause in ("draining", "overload"):
        return Unavailable("engine_unavailable", words)
    return Conflict("agent_unreachable", words, field="agent_id", provided=wanted.agent_id)
