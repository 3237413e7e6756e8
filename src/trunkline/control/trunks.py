"""Trunks: made, changed, removed, shown with their reachability."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.errors import Conflict, Invalid, NotFound
from trunkline.control.ports import Health, TrunkHealth
from trunkline.control.reach import orphans
from trunkline.control.state import Draft, State
from trunkline.model.number import Number
from trunkline.model.secret import Secret
from trunkline.model.trunk import TlsProfile, Trunk
from trunkline.trunk.identify import conflicts

MOST_LISTED = 100
"""How many of what stands in the way an error lists."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "elevenlabs": {"host": "sip.rtc.elevenlabs.io", "port": 5061, "transport": "tls"},
    "openai": {"host": "sip.api.openai.com", "port": None, "transport": "tls"},
}
"""Where known engines are reached."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "elevenlabs": ("username", "password"),
    "openai": ("project_id", "api_key", "webhook_secret"),
}
"""Credentials without which an engine cannot be reached."""

SETTINGS = ("project_id", "api_key", "webhook_secret")
"""Credentials beyond the digest pair."""


class TlsWanted(msgspec.Struct, frozen=True, kw_only=True):
    verify: bool | UnsetType | None = UNSET
    server_name: str | UnsetType | None = UNSET
    ca_bundle: str | UnsetType | None = UNSET
    certificate: str | UnsetType | None = UNSET
    private_key: Secret | UnsetType | None = UNSET


class TrunkWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a trunk shall be, as far as is said: unset leaves a value, None puts its default back."""

    name: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    host: str | UnsetType | None = UNSET
    port: int | UnsetType | None = UNSET
    transport: str | UnsetType | None = UNSET
    outbound_proxy: str | UnsetType | None = UNSET
    tls: TlsWanted | UnsetType | None = UNSET
    networks: tuple[str, ...] | UnsetType | None = UNSET
    username: Secret | UnsetType | None = UNSET
    password: Secret | UnsetType | None = UNSET
    project_id: Secret | UnsetType | None = UNSET
    api_key: Secret | UnsetType | None = UNSET
    webhook_secret: Secret | UnsetType | None = UNSET
    challenge: bool | UnsetType | None = UNSET
    register: bool | UnsetType | None = UNSET
    realm: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET
    codecs: tuple[str, ...] | UnsetType | None = UNSET
    media_encryption: str | UnsetType | None = UNSET
    max_concurrent_calls: int | UnsetType | None = UNSET
    full_status: int | UnsetType | None = UNSET
    calls_per_second: float | UnsetType | None = UNSET
    trust_identity: bool | UnsetType | None = UNSET
    nat: bool | UnsetType | None = UNSET
    ring_after: float | UnsetType | None = UNSET
    probe: bool | UnsetType | None = UNSET
    probe_interval: float | UnsetType | None = UNSET
    probe_misses: int | UnsetType | None = UNSET
    probe_hits: int | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET


class Trunks:
    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

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

    async def create(self, organization_id: str, wanted: TrunkWanted) -> Trunk:
        """Raises `Invalid` and `Conflict`. Nothing is sent to the peer."""
        if wanted.name is UNSET:
            raise Invalid("missing_required_field", "name is required.", field="name")
        wall = self._state.wall()
        blank = Trunk(id=self._state.mint(), organization_id=organization_id, name="", created_at=wall, updated_at=wall)
        provider = "generic" if wanted.provider is UNSET else wanted.provider
        trunk = applied(structs.replace(blank, provider=provider, **DEFAULTS.get(provider, {})), wanted)
        _whole(trunk)
        async with self._state.change() as draft:
            self._alone(trunk)
            draft.put(trunk)
        return trunk

    async def change(self, organization_id: str, id: str, wanted: TrunkWanted) -> Trunk:
        """Change what is said. Calls that go on keep the trunk they began with. Raises as `create`, and `NotFound`."""
        async with self._state.change() as draft:
            before = self.get(organization_id, id)
            trunk = applied(before, wanted)
            _whole(trunk)
            if trunk == before:
                return before
            trunk = structs.replace(
                trunk,
                updated_at=self._state.wall(),
                reprovision_required=before.reprovision_required or _credentials(trunk) != _credentials(before),
            )
            self._alone(trunk)
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
            for number in numbers:
                draft.remove("number", number.id)
            self._release(draft, [agent.id for agent in made_here + others], {number.id for number in numbers})
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
                draft.put(structs.replace(group, members=members, updated_at=wall))
        for agent_id in agent_ids:
            draft.remove("agent", agent_id)

    def _alone(self, trunk: Trunk) -> None:
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


def applied(trunk: Trunk, wanted: TrunkWanted) -> Trunk:
    """The trunk with what is wanted. Raises `Invalid` for a value that cannot be."""
    changes: dict[str, Any] = {}
    settings = dict(trunk.settings)
    for field in TrunkWanted.__struct_fields__:
        value = getattr(wanted, field)
        if value is UNSET or field == "provider":
            continue
        if field in SETTINGS:
            if value is None:
                settings.pop(field, None)
            else:
                settings[field] = _credential(value, field)
        elif field == "tls":
            changes["tls"] = TlsProfile() if value is None else _tls(trunk.tls, value)
        elif value is None:
            changes[field] = DEFAULTS.get(trunk.provider, {}).get(field, _DEFAULT[field])
        else:
            check = _CHECKS.get(field)
            changes[field] = value if check is None else check(value, field)
    return structs.replace(trunk, **changes, settings=settings)


def _credential(value: Secret, field: str) -> Secret:
    text = value.reveal()
    # What goes into a header or a request line must not be able to end it.
    if not text or len(text) > 500 or not text.isprintable() or (field == "project_id" and not _plain(text)):
        raise Invalid("invalid_credentials", f"{field} is empty or malformed.", field=field)
    return value


def _plain(text: str) -> bool:
    return all(letter.isascii() and (letter.isalnum() or letter in "-_.") for letter in text)


def _user(value: Secret, field: str) -> str:
    return _credential(value, field).reveal()


def _tls(profile: TlsProfile, wanted: TlsWanted) -> TlsProfile:
    changes: dict[str, Any] = {}
    for field in TlsWanted.__struct_fields__:
        value = getattr(wanted, field)
        if value is UNSET:
            continue
        if field == "verify":
            value = value is not False
        elif field == "server_name" and value is not None:
            value = fields.host(value, "tls.server_name")
        elif field in ("ca_bundle", "certificate") and value is not None and "-----BEGIN CERTIFICATE-----" not in value:
            fields.refuse(f"tls.{field}", "This must be PEM certificates.")
        elif field == "private_key" and value is not None and "PRIVATE KEY-----" not in value.reveal():
            raise Invalid("invalid_credentials", "This must be a PEM private key.", field="tls.private_key")
        changes[field] = value
    changed = structs.replace(profile, **changes)
    if (changed.certificate is None) != (changed.private_key is None):
        absent = "certificate" if changed.certificate is None else "private_key"
        raise Invalid("missing_required_field", f"tls.{absent} is required beside the other.", field=f"tls.{absent}")
    return changed


def _whole(trunk: Trunk) -> None:
    """Raises `Invalid` when what it lacks leaves it without use."""
    for field in REQUIRED.get(trunk.provider, ()):
        held = trunk.settings.get(field) if field in SETTINGS else getattr(trunk, field)
        if held is None:
            raise Invalid("missing_required_field", f"{trunk.provider} needs {field}.", field=field)
    if (trunk.username is None) != (trunk.password is None):
        absent = "username" if trunk.username is None else "password"
        raise Invalid("missing_required_field", f"{absent} is required beside the other.", field=absent)
    if trunk.host is None and not trunk.networks and not (trunk.challenge and trunk.username):
        raise Invalid(
            "missing_required_field",
            "Say where the peer is (server), where its calls come from (networks), or that it authenticates (challenge "
            "with credentials).",
            field="host",
        )
    if trunk.challenge and trunk.username is None:
        raise Invalid("missing_required_field", "challenge needs credentials.", field="username")
    if trunk.register and (trunk.host is None or trunk.username is None):
        raise Invalid(
            "missing_required_field",
            "register needs a server and credentials.",
            field="host" if trunk.host is None else "username",
        )
    if trunk.probe and trunk.host is None:
        raise Invalid("missing_required_field", "probe needs a server.", field="host")


def _status(value: int, field: str) -> int:
    if value not in (503, 486):
        fields.refuse(field, "A full trunk answers 503 or 486.", value)
    return value


_CHECKS: dict[str, Any] = {
    "name": fields.name,
    "host": fields.host,
    "port": fields.port,
    "transport": fields.transport,
    "outbound_proxy": fields.sip_uri,
    "networks": fields.networks,
    "username": _user,
    "password": _credential,
    "realm": fields.line(200),
    "country": fields.country,
    "codecs": fields.codecs,
    "media_encryption": fields.media_encryption,
    "max_concurrent_calls": fields.count(1, 1_000_000),
    "full_status": _status,
    "calls_per_second": fields.rate,
    "ring_after": fields.seconds(0, 60),
    "probe_interval": fields.seconds(5, 3600),
    "probe_misses": fields.count(1, 20),
    "probe_hits": fields.count(1, 20),
}

_DEFAULT: dict[str, Any] = {
    field.name: field.default for field in structs.fields(Trunk) if field.default is not msgspec.NODEFAULT
}
