"""API keys: who is let in, and the making, changing and ending of keys.

Every request is judged from the catalogue alone. The key's SHA-256 finds it, so that how long the search takes says
nothing about keys that are there, and the digests are then compared in constant time. When a key was last used is noted
here and written by `flush`, now and then.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from trunkline.control import fields
from trunkline.control.access.permissions import PERMISSIONS, ROLES, granted
from trunkline.control.configuration.state import State
from trunkline.control.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from trunkline.model.key import ApiKey, Role, key_digest, key_prefix, key_text

_LONGEST_KEY = 200


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, once the key was accepted."""

    key_id: str
    name: str = ""
    organization_id: str | None
    role: Role
    permissions: frozenset[str]
    live: bool
    requests_per_hour: int | None = None

    @property
    def operator(self) -> bool:
        return self.role == "operator"


class KeyWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key shall be."""

    name: str
    role: Role = "admin"
    scopes: tuple[str, ...] = ()
    live: bool = True
    networks: tuple[str, ...] = ()
    expires_at: float | None = None
    requests_per_hour: int | None = None


class Keys:
    __slots__ = ("_brand", "_state", "_used")

    def __init__(self, state: State, brand: str) -> None:
        self._state = state
        self._brand = brand
        self._used: dict[str, float] = {}

    def identify(self, text: str, source: str) -> Caller:
        """Who brings this key from this address.

        Raises `Unauthenticated` (`invalid_api_key`: unknown, ended or expired) and `Forbidden` (not from there).
        """
        digest = key_digest(text[:_LONGEST_KEY])
        key = self._state.catalogue.key_with(digest)
        wall = self._state.wall()
        if key is None or not hmac.compare_digest(key.digest, digest) or len(text) > _LONGEST_KEY or key.expired(wall):
            raise Unauthenticated("invalid_api_key", "The API key is not known, or it has expired.")
        if key.networks and not _from(source, key.networks):
            raise Forbidden("insufficient_permissions", f"This API key is not accepted from {source or 'there'}.")
        self._used[key.id] = wall
        return Caller(
            key_id=key.id,
            name=key.name,
            organization_id=key.organization_id,
            role=key.role,
            permissions=granted(key.role, key.scopes),
            live=key.live,
            requests_per_hour=key.requests_per_hour,
        )

    async def flush(self) -> None:
        """Write down when keys were last used."""
        used, self._used = self._used, {}
        if used:
            await self._state.touch(used)

    def page(self, organization_id: str) -> list[ApiKey]:
        """The organization's keys, oldest first."""
        return [self._seen(key) for key in self._state.catalogue.keys_of(organization_id)]

    def get(self, organization_id: str, id: str) -> ApiKey:
        """Raises `NotFound`."""
        key = self._state.catalogue.keys.get(id)
        if key is None or key.organization_id != organization_id:
            raise NotFound("key_not_found", "There is no API key with this id.")
        return self._seen(key)

    async def create(self, caller: Caller | None, organization_id: str | None, wanted: KeyWanted) -> tuple[ApiKey, str]:
        """A new key, and its text, which is not kept. `caller` is None for the machine's own operator.

        Raises `Invalid` and, when it would be allowed more than the key that makes it, `Forbidden`.
        """
        _check(caller, wanted.role, wanted.scopes)
        if organization_id is None and not wanted.live:
            raise Invalid("invalid_parameter", "A test key belongs to an organization.", field="environment")
        text = key_text(self._brand, wanted.live, self._state.chance(32))
        wall = self._state.wall()
        key = ApiKey(
            id=self._state.mint(),
            organization_id=organization_id,
            name=_name(wanted.name),
            prefix=key_prefix(text),
            digest=key_digest(text),
            role=wanted.role,
            scopes=tuple(dict.fromkeys(wanted.scopes)),
            live=wanted.live,
            networks=_networks(wanted.networks),
            expires_at=_future(wanted.expires_at, wall),
            requests_per_hour=_budget(wanted.requests_per_hour),
            created_at=wall,
            updated_at=wall,
        )
        async with self._state.change() as draft:
            draft.put(key)
        return key, text

    async def change(
        self,
        caller: Caller,
        organization_id: str,
        id: str,
        *,
        name: str | None = None,
        role: Role | None = None,
        scopes: tuple[str, ...] | None = None,
        networks: tuple[str, ...] | None = None,
        expires_at: float | msgspec.UnsetType | None = msgspec.UNSET,
        requests_per_hour: int | msgspec.UnsetType | None = msgspec.UNSET,
    ) -> ApiKey:
        """Change what is given. Raises `NotFound`, `Invalid`, `Forbidden`, and `Conflict` for the last key that may
        keep keys."""
        wall = self._state.wall()
        async with self._state.change() as draft:
            key = self.get(organization_id, id)
            changed = msgspec.structs.replace(
                key,
                name=key.name if name is None else _name(name),
                role=key.role if role is None else role,
                scopes=key.scopes if scopes is None else tuple(dict.fromkeys(scopes)),
                networks=key.networks if networks is None else _networks(networks),
                expires_at=key.expires_at if expires_at is msgspec.UNSET else _future(expires_at, wall),
                requests_per_hour=(
                    key.requests_per_hour if requests_per_hour is msgspec.UNSET else _budget(requests_per_hour)
                ),
                updated_at=wall,
            )
            _reach(caller, key)
            _check(caller, changed.role, changed.scopes)
            if not _keeps_keys(changed):
                self._refuse_last(key)
            draft.put(changed)
        return changed

    async def rotate(self, caller: Caller, organization_id: str, id: str) -> tuple[ApiKey, str]:
        """A new text for the key; the old one ends at once. Raises `NotFound` and `Forbidden`."""
        async with self._state.change() as draft:
            key = self.get(organization_id, id)
            _reach(caller, key)
            text = key_text(self._brand, key.live, self._state.chance(32))
            changed = msgspec.structs.replace(
                key, prefix=key_prefix(text), digest=key_digest(text), updated_at=self._state.wall()
            )
            draft.put(changed)
        return changed, text

    async def delete(self, caller: Caller, organization_id: str, id: str) -> None:
        """End the key at once. Raises `NotFound`, `Forbidden` and, for the last key that may keep keys, `Conflict`."""
        async with self._state.change() as draft:
            key = self.get(organization_id, id)
            _reach(caller, key)
            self._refuse_last(key)
            draft.remove("key", id)

    def _seen(self, key: ApiKey) -> ApiKey:
        used = self._used.get(key.id)
        return key if used is None else msgspec.structs.replace(key, last_used_at=used)

    def _refuse_last(self, key: ApiKey) -> None:
        if not _keeps_keys(key):
            return
        wall = self._state.wall()
        for other in self._state.catalogue.keys_of(key.organization_id):
            if other.id != key.id and _keeps_keys(other) and not other.expired(wall):
                return
        raise Conflict("last_key", "This is the last key that may manage keys: make another before this one ends.")


def _keeps_keys(key: ApiKey) -> bool:
    return key.live and "keys:write" in granted(key.role, key.scopes)


def _reach(caller: Caller, key: ApiKey) -> None:
    """A key is not changed by one that may do less."""
    if not granted(key.role, key.scopes) <= caller.permissions:
        raise Forbidden("insufficient_permissions", "This API key may do more than the one that asks.")


def _check(caller: Caller | None, role: str, scopes: tuple[str, ...]) -> None:
    unknown = next((scope for scope in scopes if scope not in PERMISSIONS), None)
    if unknown is not None:
        raise Invalid("invalid_parameter", "There is no such permission.", field="scopes", provided=unknown)
    beyond = next((scope for scope in scopes if scope not in ROLES[role]), None)
    if beyond is not None:
        raise Invalid(
            "invalid_parameter",
            f"The role {role} has no such permission to narrow to.",
            field="scopes",
            provided=beyond,
        )
    if caller is not None and not granted(role, scopes) <= caller.permissions:
        raise Forbidden("insufficient_permissions", "A key cannot allow more than the key that makes it.", field="role")


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise Invalid("invalid_parameter", "A name has 1 to 100 printable characters.", field="name", provided=text)
    return name


def _networks(given: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in given:
        try:
            found[str(ip_network(text.strip(), strict=False))] = None
        except ValueError:
            raise Invalid(
                "invalid_parameter", "A network is written as 192.0.2.0/24.", field="networks", provided=text
            ) from None
    return tuple(found)


def _future(at: float | None, wall: float) -> float | None:
    if at is not None and at <= wall:
        raise Invalid("invalid_parameter", "The time of expiry is in the past.", field="expires_at")
    return at


def _budget(value: int | None) -> int | None:
    return None if value is None else int(fields.count(1, 1_000_000)(value, "requests_per_hour"))


@lru_cache(maxsize=1024)
def _parsed(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in networks)


def _from(source: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ip_address(source)
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _parsed(networks))
