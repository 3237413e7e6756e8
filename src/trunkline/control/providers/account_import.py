"""A number of a connected account, imported and put to work in one request."""

from __future__ import annotations

from trunkline.control import fields
from trunkline.control.configuration.state import State
from trunkline.control.errors import Forbidden, Invalid, NotFound, ProviderFailed, Unprocessable
from trunkline.control.providers.connected import ConnectedNumbers
from trunkline.control.routing.agents import Agents
from trunkline.control.routing.numbers import Numbers, NumberWanted
from trunkline.model import ids
from trunkline.model.connection import Connection
from trunkline.model.number import Number


class AccountImport:
    __slots__ = ("_agents", "_connected", "_numbers", "_state")

    def __init__(self, state: State, numbers: Numbers, agents: Agents, connected: ConnectedNumbers) -> None:
        self._state = state
        self._numbers = numbers
        self._agents = agents
        self._connected = connected

    async def import_(
        self,
        organization_id: str,
        connection: str,
        wanted: NumberWanted,
        *,
        field: str,
        provider: str | None = None,
        tell_foreign: bool = False,
    ) -> Number:
        """The account's number as wanted; active when its calls come to us, else `provisioning` until `verify-voip`.

        `connection`: its number, whatever stands before it. Raises `NotFound`; with `tell_foreign`, `Forbidden` when it
        is another organization's; `Invalid` when it is at another provider; `Conflict`, `ProviderFailed`.
        """
        found = self._connection(organization_id, connection, field, tell_foreign=tell_foreign)
        if provider is not None and found.provider != provider:
            message = f"This is an account at {found.provider}, not at {provider}."
            raise Invalid("invalid_parameter", message, field=field, provided=connection)
        if isinstance(wanted.agent_id, str):
            self._agents.get(organization_id, ids.bare(wanted.agent_id) or "")
        self._numbers.check(organization_id, wanted)
        (imported,) = await self._connected.import_numbers(organization_id, found.serial, [str(wanted.e164)])
        if imported.refusal is not None:
            raise imported.refusal
        assert imported.number is not None
        number = imported.number
        if any(field != "e164" for field, _ in fields.said(wanted)):
            number = await self._numbers.change(organization_id, number.id, wanted)
        try:
            return (await self._connected.verify(organization_id, number.id)).number
        except (ProviderFailed, Unprocessable):
            # It is here, and says itself that it is not verified.
            return self._numbers.get(organization_id, number.id)

    def _connection(self, organization_id: str, text: str, field: str, *, tell_foreign: bool) -> Connection:
        digits = text.rpartition("_")[2]
        serial = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0
        catalogue = self._state.catalogue
        for connection in catalogue.connections.values():
            if connection.serial == serial:
                if connection.organization_id == organization_id:
                    return connection
                # A sandbox is nobody's to know of.
                if tell_foreign and self._state.live(organization_id) and self._state.live(connection.organization_id):
                    raise Forbidden(
                        "integration_forbidden",
                        "Integration belongs to different organization.",
                        field=field,
                        provided=text,
                    )
        raise NotFound("connection_not_found", "There is no such connection.", field=field, provided=text)
