"""What is asked of number providers and voice engines, and what they answer, in words that none of them owns.

Amounts are US dollars. What a provider does not say is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from trunkline.model.secret import Secret

Credentials = Mapping[str, Secret]
"""An account's credentials, by the names that `NumberProvider.fields` lists."""

Capability = Literal["voice", "sms", "mms"]
CAPABILITIES: tuple[Capability, ...] = ("voice", "sms", "mms")


def capabilities_of(names: Iterable[str | None]) -> tuple[Capability, ...]:
    """Those that are known here, of a provider's words in any case."""
    known = {name.lower() for name in names if name}
    return tuple([each for each in CAPABILITIES if each in known])


Fault = Literal["credentials", "refused", "busy", "unavailable", "uncertain"]
"""What kind of failure it is. `credentials`: it does not know or accept us. `refused`: it understood, and will not.
`busy`: too many requests. `unavailable`: no answer that can be used, and nothing has happened. `uncertain`: the same
for a request that may have been done all the same, as a purchase whose answer was lost."""


class ProviderError(Exception):
    """A provider did not do what it was asked. Its own words are in `message`, without any credential."""

    def __init__(self, fault: Fault, message: str, *, provider: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.fault: Fault = fault
        self.message = message
        self.provider = provider
        self.status = status
        """The HTTP status, when there was one."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which numbers are looked for."""

    country: str = "US"
    """ISO 3166-1 alpha-2."""
    area_code: str | None = None
    contains: str | None = None
    """Digits that the number must contain."""
    capabilities: tuple[Capability, ...] = ()
    toll_free: bool = False
    limit: int = 10


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A number that can be bought."""

    e164: str
    country: str
    region: str | None = None
    locality: str | None = None
    capabilities: tuple[Capability, ...] = ()
    toll_free: bool = False
    monthly_cost: float | None = None
    upfront_cost: float | None = None


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """A number that the account has."""

    e164: str
    resource_id: str
    """The provider's own id of it."""
    country: str | None = None
    label: str | None = None
    capabilities: tuple[Capability, ...] = ()


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Whom credentials belong to."""

    name: str | None = None
    """What the provider calls the account."""
    id: str | None = None
    """An id that may be shown."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    monthly: float | None = None
    inbound_minute: float | None = None
    outbound_minute: float | None = None


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    country: str
    local: Rates = Rates()
    toll_free: Rates = Rates()


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where peers send calls to us."""

    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"] = "udp"

    @property
    def uri(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sip:{host}:{self.port}" + ("" if self.transport == "udp" else f";transport={self.transport}")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The SIP side of an account: how the two ends find and know each other. It becomes a trunk."""

    host: str | None = None
    """Where calls to the telephone network are sent; None when the account is only called from."""
    port: int | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    networks: tuple[str, ...] = ()
    """Where the provider's calls come from."""
    username: str | None = None
    password: Secret | None = None
    settings: dict[str, str] = {}
    """Ids of what was made at the provider (its trunk, its connection), to point numbers at."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at, and what would mend it."""

    ok: bool
    detail: str | None = None


class EngineNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number as an engine is told of it."""

    e164: str
    label: str
    agent_id: str | None = None
    """The engine's own id of the agent that answers."""
    resource_id: str | None = None
    """The engine's id of the number, when it was told before."""
    username: str | None = None
    password: Secret | None = None
    media_encryption: str = "allow"
    endpoint: Endpoint | None = None
    """Where the engine sends calls that it begins."""
