"""Accounts at number providers as services use them: who speaks for a connection, where the edge is reached, and a
provider's error as a refusal that shows its words."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple

from msgspec import structs

from trunkline.control.configuration.state import Draft, State
from trunkline.control.errors import Conflict, Invalid, ProviderFailed, Refusal, Unprocessable
from trunkline.control.ports import Endpoints, NumberProvider, ProviderDirectory, TryTrunk
from trunkline.model.connection import SETUP_METHODS, Connection, SipConfig
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.providers.values import Endpoint, Line, ProviderError
from trunkline.trunk.identify import conflicts

TITLES = {
    "twilio": "Twilio",
    "telnyx": "Telnyx",
    "signalwire": "SignalWire",
    "vonage": "Vonage",
    "manual": "SIP trunk",
}


UNREACHED = "This edge knows no address that is reached from outside: set sip.domain, or a listener's external_address."


class Account(NamedTuple):
    """An account that can be asked. In a sandbox it may be one that nobody connected."""

    provider: str
    client: NumberProvider
    credentials: Mapping[str, Secret]
    connection: Connection | None


class Accounts:
    __slots__ = ("_directory", "_state")

    def __init__(self, state: State, directory: ProviderDirectory) -> None:
        self._state = state
        self._directory = directory

    def client(self, organization_id: str, provider: str) -> NumberProvider:
        return self._directory.numbers(provider, live=self._state.live(organization_id))

    def of(self, connection: Connection) -> Account:
        client = self.client(connection.organization_id, connection.provider)
        credentials = connection.credentials
        if not self._state.live(connection.organization_id):
            credentials = {**credentials, **_of_sandbox(connection.organization_id)}
        return Account(connection.provider, client, credentials, connection)

    def connected(self, organization_id: str, provider: str | None = None) -> list[Account]:
        """The accounts that numbers are looked for in, the oldest first; in a sandbox every provider has one."""
        connections = self._state.catalogue.connections_of(organization_id)
        found = [self.of(each) for each in connections if provider in (None, each.provider)]
        if not self._state.live(organization_id):
            known = {each.provider for each in found}
            found += [
                Account(name, self.client(organization_id, name), _of_sandbox(organization_id), None)
                for name in SETUP_METHODS
                if name not in known and name != "manual" and provider in (None, name)
            ]
        return found

    def account(self, organization_id: str, provider: str) -> Account:
        """The one that is bought from. Raises `Invalid`."""
        found = self.connected(organization_id, provider)
        if not found:
            raise Invalid(
                "provider_not_connected",
                f"No account at {provider} is connected: make a VoIP connection first.",
                field="provider",
                provided=provider,
            )
        return found[0]

    async def endpoint(self, organization_id: str) -> Endpoint | None:
        """Where providers can send calls to; None when this edge knows no address that is reached from outside."""
        if not self._state.live(organization_id):
            return Endpoint(host="edge.sandbox.invalid", port=5060)
        try:
            known = await self._state.engine.ask(Endpoints())
        except ConnectionError:
            return None
        return next((each for each in known if _public(each.host)), None)

    async def line(self, account: Account, endpoint: Endpoint | None) -> Line:
        """The account's SIP side, made at the provider where it is lacking. Raises `ProviderError`."""
        config = SipConfig() if account.connection is None else account.connection.sip_config
        wanted = Line(
            host=config.domain,
            port=config.port,
            transport=config.transport,
            networks=config.networks,
            username=config.username,
            password=config.password,
            settings=config.settings,
        )
        return await account.client.line(account.credentials, endpoint, wanted)

    async def reached(self, organization_id: str, account: Account, config: SipConfig) -> None:
        """Try the account's SIP, where it is known and may be reached: OPTIONS, and REGISTER with the credentials.
        Raises `ProviderError`."""
        if config.domain is None or not self._state.live(organization_id):
            return
        line = Line(host=config.domain, port=config.port, transport=config.transport)
        line = await account.client.line(account.credentials, None, line)
        try:
            tried = await self._state.engine.ask(TryTrunk(self._made(organization_id, account, line)))
        except ConnectionError:
            raise ProviderError("unavailable", "The engine cannot try the carrier now.") from None
        if tried.status == "auth_failed":
            raise ProviderError("credentials", f"The carrier refuses the credentials: {tried.detail or 'no reason'}")
        if tried.status != "reachable":
            raise ProviderError("refused", f"The carrier is not reached: {tried.detail or 'no answer'}")

    def trunk(self, draft: Draft, organization_id: str, account: Account, line: Line) -> Trunk:
        """The trunk that the account's calls come by. It and the connection go into the draft where they are new or
        other than they were."""
        catalogue, wall = self._state.catalogue, self._state.wall()
        connection = None if account.connection is None else catalogue.connections.get(account.connection.id)
        known = None if connection is None else catalogue.trunks.get(connection.trunk_id or "")
        trunk = known or self._alike(organization_id, account, line)
        if trunk is None:
            trunk = self._made(organization_id, account, line)
            draft.put(trunk)
        if connection is not None:
            config = structs.replace(connection.sip_config, settings=dict(line.settings))
            changed = structs.replace(connection, trunk_id=trunk.id, sip_config=config)
            if changed != connection:
                draft.put(structs.replace(changed, updated_at=wall))
        return trunk

    def _alike(self, organization_id: str, account: Account, line: Line) -> Trunk | None:
        """A trunk of the organization that a new one could not be told from: then it serves both."""
        blank = self._made(organization_id, account, line)
        others = list(self._state.catalogue.trunks_of(organization_id))
        found = [each for each in conflicts([*others, blank]) if blank.id in (each.first, each.second)]
        if found:
            other = found[0].first if found[0].second == blank.id else found[0].second
            return self._state.catalogue.trunks[other]
        if not self._state.live(organization_id):
            return next((each for each in others if each.provider == blank.provider and each.host == blank.host), None)
        return None

    def _made(self, organization_id: str, account: Account, line: Line) -> Trunk:
        wall = self._state.wall()
        title = TITLES[account.provider] if account.connection is None else account.connection.name
        names = {trunk.name for trunk in self._state.catalogue.trunks_of(organization_id)}
        candidates = (title, *(f"{title} {number}" for number in range(2, len(names) + 3)))
        name = next(each for each in candidates if each not in names)
        provider = "generic" if account.provider == "manual" else account.provider
        return Trunk(
            id=self._state.mint(),
            organization_id=organization_id,
            name=name,
            provider=provider,  # type: ignore[arg-type]
            host=line.host,
            port=line.port,
            transport=line.transport,
            networks=line.networks,
            username=line.username if line.password is not None else None,
            password=line.password if line.username is not None else None,
            created_at=wall,
            updated_at=wall,
        )


def _of_sandbox(organization_id: str) -> dict[str, Secret]:
    """What tells the sandbox's accounts of organizations apart: they try with the same documents' credentials."""
    return {"organization": Secret(organization_id)}


def _public(host: str) -> bool:
    try:
        literal = ip_address(host)
    except ValueError:
        return host != "localhost"
    return literal.is_global


def refusal(error: ProviderError) -> Refusal:
    """A provider's error, as the one who asked is told of it."""
    if error.fault == "credentials":
        return Unprocessable("credentials_rejected", error.message, field="credentials")
    return ProviderFailed("provider_failed", error.message)


def taken(e164: str) -> Conflict:
    return Conflict("phone_number_exists", "This phone number is imported already.", field="e164", provided=e164)
