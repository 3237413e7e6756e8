"""Who owns everything else, and what may be dialled at its expense."""

from __future__ import annotations

import msgspec


class OutboundRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization's outbound calls may do. The defaults are those of somebody who has not thought about toll
    fraud yet: the calling number's country, no special rates, few calls at once, a small amount a day."""

    allow: tuple[str, ...] = ()
    """Destinations that may be called: ISO 3166 alpha-2 countries and E.164 prefixes, as `US` and `+4420`. Empty: the
    country of the calling number."""
    premium: bool = False
    """Whether numbers of special rates may be called: premium rate, shared cost, personal and pager numbers."""
    emergency: bool = False
    """Whether emergency numbers are passed on to a carrier. They then pass every other guard."""
    calls_per_second: float | None = 2.0
    """Outbound calls begun; None: no limit. So with the others."""
    concurrent_calls: int | None = 20
    minute_price: float = 0.05
    """What a begun minute is taken to cost, in the currency of `daily_limit`."""
    daily_limit: float | None = 50.0
    """What a day's outbound calls may cost, by `minute_price`. Days begin at midnight UTC."""
    max_duration: int | None = 7200
    """Seconds after the answer at which an outbound call is ended."""


class Organization(msgspec.Struct, frozen=True, kw_only=True, tag="organization"):
    id: str
    name: str
    default_trunk_id: str | None = None
    """The carrier trunk that numbers on an engine trunk dial out by."""
    outbound: OutboundRules = OutboundRules()
    sandbox_of: str | None = None
    """The organization whose test keys act in this one. What a sandbox owns is never routed: the engine does not hear
    of it, and it is shown under no id but its owner's."""
    created_at: float = 0.0
    """Unix seconds, as every `_at` of the model."""
    updated_at: float = 0.0
