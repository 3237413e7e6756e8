"""By which carriers a number of ours calls out, in order: its own first, then the organization's others.

A number that is on no carrier (an engine's trunk, or none) has no carrier of its own: the organization's default trunk
stands in for it, and without one it cannot call out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf
from typing import Final, NamedTuple

from msgspec import structs

from trunkline.model.number import Number
from trunkline.model.organization import Organization, OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.routing.destination import country_of, special_rate, written
from trunkline.routing.select import leg_transport, target_uri
from trunkline.sip.flow import Transport

MOST: Final = 8
"""Carriers tried for one call."""
RING: Final = 90.0
"""Seconds that a telephone may ring, where nobody says otherwise: carriers end it sooner by themselves."""

HUNT_ON: Final = (408, *range(500, 600))


class Carrier(NamedTuple):
    """One attempt: a carrier trunk, and what it is asked for."""

    trunk: Trunk
    uri: str
    """The Request-URI: the dialled number as the carrier wants it, at its host."""
    transport: Transport | None
    ring_timeout: float = RING
    """Seconds."""
    hunt_on: tuple[int, ...] = HUNT_ON
    """The answers after which the next is tried: those by which a carrier says that it could not."""
    within: float = inf
    """Seconds after the search began until which it may be tried."""
    agent: None = None
    """A telephone is no agent of ours."""


class NotDialled(NamedTuple):
    """Why a number is not called."""

    cause: str
    """A stable word, as in `call.refusals`."""
    detail: str
    mend: str


def carriers(
    organization: Organization,
    number: Number,
    dialled: str,
    trunks: Mapping[str, Trunk],
    owned: Collection[str],
    *,
    emergency: bool = False,
    ring_timeout: float = RING,
) -> tuple[Carrier, ...] | NotDialled:
    """Whom a call from `number` to `dialled` (E.164) tries, in order. `owned`: ids of the organization's trunks.

    `emergency`: `dialled` is a short code and goes out as it is, whatever a carrier's prefixes and limits say.
    """
    own = _backing(number, organization, trunks)
    if isinstance(own, NotDialled):
        return own
    others = [trunk for id in owned if id != own.id and not (trunk := trunks[id]).dials_out]
    others.sort(key=lambda trunk: (trunk.outbound_priority, trunk.id))
    found: list[Carrier] = []
    first: NotDialled | None = None
    for trunk in (own, *others):
        one = _carrier(trunk, dialled, emergency, ring_timeout)
        if isinstance(one, Carrier):
            found.append(one)
            if len(found) == MOST:
                break
        else:
            first = first or one
    if found or first is None:
        return tuple(found)
    return first


def forbidden(rules: OutboundRules, calling: str, dialled: str) -> NotDialled | None:
    """Why `dialled` may not be called from `calling`, both E.164; None when it may. The country of `calling` is what an
    empty allow list means."""
    if not rules.premium and special_rate(dialled):
        return NotDialled(
            "premium-not-allowed", f"{dialled} is charged at a special rate.", "Set outbound.premium to allow them."
        )
    home = country_of(calling) if not rules.allow else None
    allowed = rules.allow or ((home,) if home is not None else ())
    if any(dialled.startswith(entry) for entry in allowed if entry[0] == "+"):
        return None
    country = country_of(dialled)
    if country is not None and country in allowed:
        return None
    where = f"is in {country}" if country is not None else "belongs to no country"
    may = ", ".join(sorted(allowed)[:12]) or "nowhere"
    return NotDialled(
        "destination-not-allowed",
        f"{dialled} {where}; the organization may call {may}.",
        f"Add {country or dialled[:5]} to outbound.allow of the organization.",
    )


def _backing(number: Number, organization: Organization, trunks: Mapping[str, Trunk]) -> Trunk | NotDialled:
    """The number's own carrier, or the one that stands in for it."""
    own = trunks.get(number.trunk_id) if number.trunk_id is not None else None
    if own is not None and own.organization_id == organization.id and not own.dials_out:
        return own
    default = trunks.get(organization.default_trunk_id) if organization.default_trunk_id is not None else None
    if default is not None and default.organization_id == organization.id and not default.dials_out:
        return default
    return NotDialled(
        "number-not-backed",
        f"{number.e164} is on no carrier trunk, and the organization has no default trunk.",
        "Put the number on a carrier trunk, or set default_trunk_id of the organization.",
    )


def _carrier(trunk: Trunk, dialled: str, emergency: bool, ring_timeout: float) -> Carrier | NotDialled:
    if not trunk.enabled:
        return _unusable(trunk, "is disabled", f"Enable trunk {trunk.name}.")
    if not trunk.outbound:
        return _unusable(trunk, "takes no outbound calls", f"Set outbound on trunk {trunk.name}.")
    if trunk.prefixes and not emergency and not dialled.startswith(trunk.prefixes):
        return _unusable(trunk, f"does not carry {dialled}", f"Add a prefix of it to trunk {trunk.name}.")
    transport = leg_transport(trunk)
    user = dialled if emergency else written(dialled, trunk.dial_format, trunk.country)
    uri = target_uri(trunk, user, transport)
    if uri is None:
        return _unusable(trunk, "has no server", f"Give trunk {trunk.name} a server.")
    if emergency and trunk.max_concurrent_calls is not None:
        # Its places are for other calls to wait for.
        trunk = structs.replace(trunk, max_concurrent_calls=None)
    return Carrier(trunk, uri, transport, ring_timeout)


def _unusable(trunk: Trunk, why: str, mend: str) -> NotDialled:
    return NotDialled("no-carrier", f"Trunk {trunk.name} {why}.", mend)
