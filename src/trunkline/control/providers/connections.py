"""VoIP connections: accounts at number providers, made in two phases.

Credentials are tested first, and the test gives evidence: good for 15 minutes, for this organization, this provider and
these credentials, and for one use. A connection is made, or its credentials are exchanged, with evidence alone; the
provider is not asked again. Evidence is used up in the transaction that it allows, so of two requests that race with
one, one wins, and a request that fails leaves it as it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.answers import store_answers
from trunkline.control.configuration.state import State, UseEvidence
from trunkline.control.errors import Invalid, NotFound, Refusal, Unprocessable, evidence_used
from trunkline.control.providers.accounts import UNREACHED, Account, Accounts, refusal
from trunkline.control.providers.connection_rules import (
    ConnectionWanted,
    SipWanted,
    check_credentials,
    configured,
    inferred,
    method_of,
)
from trunkline.model.connection import Connection, SipConfig
from trunkline.model.secret import Secret
from trunkline.providers.values import ProviderError
from trunkline.store.rows.connections import Evidence
from trunkline.store.store import Store

EVIDENCE_LIFE = 900.0
"""Seconds that evidence of a test is good for."""


class Connections:
    __slots__ = ("_accounts", "_state", "_store", "_testing")

    def __init__(self, state: State, store: Store, accounts: Accounts) -> None:
        self._state = state
        self._store = store
        self._accounts = accounts
        self._testing: set[str] = set()

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def all(self, organization_id: str) -> list[Connection]:
        """Oldest first."""
        return [self._shown(each) for each in self._state.catalogue.connections_of(organization_id)]

    def get(self, organization_id: str, serial: int) -> Connection:
        """Raises `NotFound`."""
        for connection in self._state.catalogue.connections_of(organization_id):
            if connection.serial == serial:
                return self._shown(connection)
        raise NotFound("connection_not_found", "There is no VoIP connection with this id.")

    def _shown(self, connection: Connection) -> Connection:
        return structs.replace(connection, status="testing") if connection.id in self._testing else connection

    # ── the two phases ────────────────────────────────────────────────────────────────────────────────────────────────

    async def test(
        self,
        organization_id: str,
        provider: str,
        credentials: dict[str, Secret],
        sip_config: SipWanted | UnsetType = UNSET,
    ) -> Evidence:
        """Ask the provider whether the credentials are good; of a carrier that can be asked nothing else, its SIP, when
        `sip_config` says where it is. Raises `Invalid` when they cannot be, `Unprocessable` when
        they are not, and `ProviderFailed`."""
        account = self._raw(organization_id, provider, credentials)
        same = [each for each in self._state.catalogue.connections_of(organization_id) if _same(each, account)]
        self._testing.update(each.id for each in same)
        try:
            found = await account.client.test(account.credentials)
            if provider == "manual":
                await self._accounts.reached(organization_id, account, configured(SipConfig(), sip_config))
        except ProviderError as error:
            if error.fault in ("credentials", "refused"):
                await self.mark(same, ok=False)
                raise Unprocessable("credentials_rejected", error.message, field="credentials") from None
            raise refusal(error) from None
        finally:
            self._testing.difference_update(each.id for each in same)
        wall = self._state.wall()
        evidence = Evidence(
            id=str(uuid.UUID(bytes=self._state.chance(16), version=4)),
            organization_id=organization_id,
            provider=provider,
            credentials=credentials,
            account_name=found.name,
            tested_at=wall,
            expires_at=wall + EVIDENCE_LIFE,
        )
        await self.mark(same, ok=True)
        with store_answers("; nothing was changed"):
            async with self._store.write() as unit:
                await unit.connections.keep_evidence(evidence)
        return evidence

    async def suggest_name(self, organization_id: str, provider: str, credentials: dict[str, Secret]) -> str:
        """What a connection with these credentials would be called. Raises as `test`."""
        account = self._raw(organization_id, provider, credentials)
        try:
            found = await account.client.test(account.credentials)
        except ProviderError as error:
            raise refusal(error) from None
        return inferred(provider, found.name)

    async def create(self, organization_id: str, wanted: ConnectionWanted) -> Connection:
        """Raises `Invalid`, `Unprocessable` when the credentials are not those that were tested, and `ProviderFailed`
        when the guided set-up came to nothing."""
        provider = str(wanted.provider)
        method = method_of(provider, wanted.setup_method)
        credentials = wanted.credentials if isinstance(wanted.credentials, dict) else {}
        account = self._raw(organization_id, provider, credentials)
        config = configured(SipConfig(), wanted.sip_config)
        evidence = await self._evidence(organization_id, provider, credentials, wanted.evidence_id)
        name = inferred(provider, evidence.account_name) if wanted.name is UNSET else fields.name(wanted.name)
        wall = self._state.wall()
        connection = Connection(
            id=self._state.mint(),
            organization_id=organization_id,
            serial=0,
            provider=provider,  # type: ignore[arg-type]
            setup_method=method,  # type: ignore[arg-type]
            name=name,
            inferred_name=wanted.name is UNSET,
            status="connected",
            credentials=credentials,
            sip_config=config,
            last_tested_at=evidence.tested_at,
            created_at=wall,
            updated_at=wall,
        )
        if method == "guided_telnyx":
            connection = await self._guided(connection, account)
        async with self._state.change() as draft:
            serial = 1 + max((each.serial for each in self._state.catalogue.connections.values()), default=0)
            connection = structs.replace(connection, serial=serial)
            draft.put(connection)
            draft.along.append(UseEvidence(evidence.id, wall))
        return connection

    async def change(self, organization_id: str, serial: int, wanted: ConnectionWanted) -> Connection:
        """Change what is said; other credentials need evidence of their own. Raises as `create`, and `NotFound`."""
        before = self.get(organization_id, serial)
        evidence: Evidence | None = None
        if wanted.credentials is not UNSET:
            self._raw(organization_id, before.provider, wanted.credentials)
            evidence = await self._evidence(organization_id, before.provider, wanted.credentials, wanted.evidence_id)
        async with self._state.change() as draft:
            self.get(organization_id, serial)
            connection = self._state.catalogue.connections[before.id]
            changes: dict[str, Any] = {}
            if wanted.name is not UNSET:
                changes |= {"name": fields.name(wanted.name), "inferred_name": False}
            if wanted.sip_config is not UNSET:
                changes["sip_config"] = configured(connection.sip_config, wanted.sip_config)
            if evidence is not None:
                assert isinstance(wanted.credentials, dict)
                changes |= {
                    "credentials": wanted.credentials,
                    "status": "connected",
                    "last_tested_at": evidence.tested_at,
                }
                draft.along.append(UseEvidence(evidence.id, self._state.wall()))
            changed = structs.replace(connection, **changes)
            if changed == connection and evidence is None:
                return before
            changed = structs.replace(changed, updated_at=self._state.wall())
            draft.put(changed)
        return changed

    async def delete(self, organization_id: str, serial: int) -> None:
        """Its numbers stay and go on working, without a connection. Raises `NotFound`."""
        async with self._state.change() as draft:
            connection = self.get(organization_id, serial)
            wall = self._state.wall()
            for number in self._state.catalogue.numbers_of(organization_id):
                if number.supply is not None and number.supply.connection_id == serial:
                    supply = structs.replace(number.supply, connection_id=None)
                    draft.put(structs.replace(number, supply=supply, updated_at=wall))
            draft.remove("connection", connection.id)

    # ── what all of it takes ──────────────────────────────────────────────────────────────────────────────────────────

    def _raw(self, organization_id: str, provider: str, credentials: dict[str, Secret]) -> Account:
        """Credentials that were sent, as an account. Raises `Invalid` when they cannot be by their shape."""
        client = self._accounts.client(organization_id, provider)
        check_credentials(client, provider, credentials)
        return Account(provider, client, credentials, None)

    async def _evidence(
        self, organization_id: str, provider: str, credentials: dict[str, Secret], given: str | UnsetType
    ) -> Evidence:
        """The evidence that allows it. Raises `Invalid`, and `Unprocessable` for other credentials."""
        if given is UNSET:
            raise Invalid(
                "missing_required_field",
                "Test the credentials first, and send the verification_evidence_id that the test gives.",
                field="verification_evidence_id",
            )
        with store_answers("; nothing was changed"):
            async with self._store.read() as unit:
                evidence = await unit.connections.evidence(given)
        if evidence is None or evidence.organization_id != organization_id:
            raise Invalid(
                "invalid_evidence", "There is no such evidence: test first.", field="verification_evidence_id"
            )
        if evidence.used_at is not None or evidence.expires_at <= self._state.wall():
            raise evidence_used()
        if evidence.provider != provider:
            raise Invalid(
                "invalid_evidence",
                f"This evidence is of a test at {evidence.provider}.",
                field="verification_evidence_id",
            )
        if evidence.credentials != credentials:
            raise Unprocessable(
                "credentials_rejected", "These are not the credentials that were tested.", field="credentials"
            )
        return evidence

    async def _guided(self, connection: Connection, account: Account) -> Connection:
        """Make at the provider what calls need. Raises `Unprocessable` and `ProviderFailed`."""
        endpoint = await self._accounts.endpoint(connection.organization_id)
        if endpoint is None:
            raise Unprocessable("verification_failed", UNREACHED)
        try:
            line = await self._accounts.line(account._replace(connection=connection), endpoint)
        except ProviderError as error:
            raise refusal(error) from None
        config = structs.replace(connection.sip_config, settings=dict(line.settings))
        return structs.replace(connection, sip_config=config)

    async def failed(self, account: Account, error: ProviderError) -> Refusal:
        """What to raise; credentials that are good no more show in the connection."""
        if error.fault == "credentials" and account.connection is not None:
            await self.mark([account.connection], ok=False)
        return refusal(error)

    async def mark(self, connections: Sequence[Connection], *, ok: bool) -> None:
        """What a test with the very credentials of these connections says about them."""
        if not connections:
            return
        wall = self._state.wall()
        async with self._state.change(audited=False) as draft:
            for each in connections:
                now = self._state.catalogue.connections.get(each.id)
                if now is None or now.credentials != each.credentials:
                    continue
                tested = wall if ok else now.last_tested_at
                status: Any = "connected" if ok else "error"
                draft.put(structs.replace(now, status=status, last_tested_at=tested))


def _same(connection: Connection, account: Account) -> bool:
    return connection.provider == account.provider and connection.credentials == account.credentials
