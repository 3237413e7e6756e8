"""The numbers of connected accounts: those that can be imported, their import, and the proof that calls reach us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from trunkline.control import fields
from trunkline.control.configuration.state import State
from trunkline.control.errors import Invalid, NotFound, Refusal
from trunkline.control.providers.accounts import UNREACHED, Account, Accounts, taken
from trunkline.control.providers.connections import Connections
from trunkline.model.connection import Connection
from trunkline.model.number import Number, Supply
from trunkline.providers.values import Check, Endpoint, Line, Owned, ProviderError


class Importable(NamedTuple):
    owned: Owned
    imported: bool
    """Whether it is among somebody's numbers here already."""


class Imported(NamedTuple):
    """What became of one number of an import."""

    e164: str
    number: Number | None
    refusal: Refusal | None


class Verified(NamedTuple):
    number: Number
    inbound: Check
    outbound: Check
    ok: bool


class ConnectedNumbers:
    __slots__ = ("_accounts", "_connections", "_state")

    def __init__(self, state: State, accounts: Accounts, connections: Connections) -> None:
        self._state = state
        self._accounts = accounts
        self._connections = connections

    async def available(self, organization_id: str, serial: int) -> list[Importable]:
        """The account's numbers, by number. Raises `NotFound`, `Unprocessable`, `ProviderFailed`."""
        account = self._accounts.of(self._connections.get(organization_id, serial))
        called = self._state.catalogue.number_called
        owned = await self._owned(account)
        return [Importable(each, called(each.e164, organization_id) is not None) for each in owned]

    async def import_numbers(self, organization_id: str, serial: int, e164s: Sequence[str]) -> list[Imported]:
        """Make numbers of those of the account, each `provisioning` until it is verified; those that cannot be are told
        with the reason. Raises as `available`."""
        known = self._connections.get(organization_id, serial)
        account = self._accounts.of(known)
        manual = account.provider == "manual"
        # A sandbox's account has whatever number a client tries with.
        any_number = manual or not self._state.live(organization_id)
        owned = {each.e164: each for each in ([] if manual else await self._owned(account))}
        try:
            line = await self._accounts.line(account, await self._accounts.endpoint(organization_id))
        except ProviderError as error:
            raise await self._connections.failed(account, error) from None
        results: list[Imported] = []
        made: list[Number] = []
        async with self._state.change() as draft:
            self._connections.get(organization_id, serial)
            trunk = self._accounts.trunk(draft, organization_id, account, line)
            connection = next(
                (each for each in reversed(draft.changes) if isinstance(each, Connection)),
                self._state.catalogue.connections[known.id],
            )
            for e164 in dict.fromkeys(e164s):
                try:
                    fields.phone_number(e164, "phone_numbers")
                    there = owned.get(e164)
                    if there is None and any_number:
                        there = Owned(e164=e164, resource_id=e164)
                    if there is None:
                        raise NotFound("phone_not_found", "The account has no such number.")
                    if self._state.catalogue.number_called(e164, organization_id) is not None:
                        raise taken(e164)
                    made.append(self._number(organization_id, connection, trunk.id, there))
                    results.append(Imported(e164, made[-1], None))
                except Refusal as refused:
                    results.append(Imported(e164, None, refused))
            if made:
                count = connection.numbers_imported + len(made)
                draft.put(structs.replace(connection, numbers_imported=count, updated_at=self._state.wall()), *made)
            else:
                draft.changes.clear()
        return results

    async def verify(self, organization_id: str, number_id: str) -> Verified:
        """Lead a number's calls to us and look whether they are, and whether we may call out; then it works. Raises
        `NotFound`, `Invalid` when it came by no connection, `Unprocessable` and `ProviderFailed`."""
        number, account = self._connected(organization_id, number_id)
        endpoint = await self._accounts.endpoint(organization_id)
        try:
            line = await self._accounts.line(account, endpoint)
            inbound = await self._inbound(account, number, line, endpoint)
            outbound = await self._outbound(account, line)
        except ProviderError as error:
            raise await self._connections.failed(account, error) from None
        ok = (inbound.ok or not number.supports_inbound) and (outbound.ok or not number.supports_outbound)
        async with self._state.change() as draft:
            number, _ = self._connected(organization_id, number_id)
            wall = self._state.wall()
            trunk = self._accounts.trunk(draft, organization_id, account, line)
            if ok and number.state in ("provisioning", "failed"):
                number = structs.replace(
                    number,
                    trunk_id=number.trunk_id or trunk.id,
                    state="active",
                    provisioned_at=wall,
                    provision_error=None,
                    updated_at=wall,
                )
                draft.put(number)
        return Verified(number, inbound, outbound, ok)

    async def _outbound(self, account: Account, line: Line) -> Check:
        check = await account.client.outbound(account.credentials, line)
        if check.ok and account.provider == "manual" and account.connection is not None:
            try:
                connection = account.connection
                await self._accounts.reached(connection.organization_id, account, connection.sip_config)
            except ProviderError as error:
                return Check(ok=False, detail=error.message)
        return check

    async def _inbound(self, account: Account, number: Number, line: Line, endpoint: Endpoint | None) -> Check:
        if endpoint is None:
            return Check(ok=False, detail=UNREACHED)
        owned = await account.client.owned(account.credentials, number.e164)
        if not owned:
            return Check(ok=False, detail="The number is not in the account any more.")
        await account.client.point(account.credentials, owned[0], endpoint, line)
        return await account.client.pointed(account.credentials, owned[0], endpoint, line)

    def _connected(self, organization_id: str, number_id: str) -> tuple[Number, Account]:
        number = self._state.catalogue.numbers.get(number_id)
        if number is None or number.organization_id != organization_id:
            raise NotFound("phone_not_found", "There is no phone number with this id.")
        serial = None if number.supply is None else number.supply.connection_id
        if serial is None:
            raise Invalid("provisioning_not_supported", "This number came by no VoIP connection.")
        return number, self._accounts.of(self._connections.get(organization_id, serial))

    def _number(self, organization_id: str, connection: Connection, trunk_id: str, owned: Owned) -> Number:
        wall = self._state.wall()
        supply = Supply(
            provider=connection.provider,
            connection_id=connection.serial,
            resource_id=owned.resource_id,
            country=owned.country,
            features=owned.capabilities,
        )
        return Number(
            id=self._state.mint(),
            organization_id=organization_id,
            e164=owned.e164,
            trunk_id=trunk_id,
            state="provisioning",
            supply=supply,
            created_at=wall,
            updated_at=wall,
        )

    async def _owned(self, account: Account) -> list[Owned]:
        try:
            owned = await account.client.owned(account.credentials)
        except ProviderError as error:
            raise await self._connections.failed(account, error) from None
        return sorted(owned, key=lambda each: each.e164)
