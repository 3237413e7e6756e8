"""Who asks: the key from `Authorization: Bearer` or `X-API-Key`, the organization it acts in, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from trunkline.control.access.keys import Caller
from trunkline.control.errors import Forbidden, Invalid, Unauthenticated
from trunkline.model import ids
from trunkline.model.organization import Organization

Network = IPv4Network | IPv6Network


def presented(headers: Mapping[str, str]) -> str:
    """The key that the request brings. Raises `Unauthenticated`: `api_key_missing` when there is none,
    `invalid_api_key` when two different ones are brought or the scheme is another."""
    bearer = None
    authorization = headers.get("Authorization")
    if authorization is not None:
        scheme, _, value = authorization.partition(" ")
        bearer = value.strip()
        if scheme.lower() != "bearer" or not bearer:
            raise Unauthenticated("invalid_api_key", "The Authorization header must be `Bearer <API key>`.")
    plain = headers.get("X-API-Key")
    if bearer is not None and plain is not None and bearer != plain.strip():
        raise Unauthenticated("invalid_api_key", "Authorization and X-API-Key bring different keys.")
    key = bearer if bearer is not None else (plain or "").strip()
    if not key:
        raise Unauthenticated("api_key_missing", "Send an API key: `Authorization: Bearer <API key>`, or `X-API-Key`.")
    return key


def source(peer: str | None, forwarded: str | None, proxies: Sequence[Network]) -> str:
    """The address a request comes from: the peer's, or, when the peer is a trusted proxy, the last address in
    X-Forwarded-For that is not one."""
    address = peer or ""
    if not proxies or forwarded is None:
        return address
    for hop in [*reversed([part.strip() for part in forwarded.split(",")])]:
        if not _within(address, proxies):
            break
        address = hop
    return address


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        literal = ip_address(address)
    except ValueError:
        return False
    return any(literal in network for network in networks)


def organization(caller: Caller, asked: str | None, known: Mapping[str, Organization]) -> str:
    """The organization a request acts in. The key decides it; only an operator's may name another.

    Raises `Forbidden` when X-Organization-Id names one this key may not act for, `Invalid` when an operator's key
    belongs to none and names none.
    """
    if asked is None:
        if caller.organization_id is None:
            raise Invalid(
                "missing_required_field",
                "This key belongs to no organization: name one with X-Organization-Id.",
                field="X-Organization-Id",
            )
        return caller.organization_id
    bare = ids.bare(asked.strip())
    named = None if bare is None else known.get(bare)
    # A sandbox is reached by test keys alone, and by its owner's name.
    if named is not None and named.sandbox_of is None and (caller.operator or named.id == caller.organization_id):
        return named.id
    raise Forbidden(
        "insufficient_permissions",
        "This key does not act for that organization.",
        field="X-Organization-Id",
        provided=asked,
    )
