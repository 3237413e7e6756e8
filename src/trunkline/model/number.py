"""A phone number: what a carrier's call asks for, and the agent that answers it."""

from __future__ import annotations

from typing import Literal

import msgspec

from trunkline.model.secret import Secret

NumberState = Literal["provisioning", "active", "inactive", "failed", "suspended"]
"""Only `active` is routed; the others are refused with 480 and the reason that the acceptance list's R5 names."""


class NumberConfig(msgspec.Struct, frozen=True, kw_only=True):
    first_message: str | None = None
    max_duration: int | None = None
    """Seconds after the answer at which both legs are ended."""
    language: str | None = None


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """Where a number came from, and what its provider knows of it."""

    provider: str | None = None
    """`twilio`, `telnyx`, `vonage`, `signalwire`, `manual`."""
    managed: bool = False
    """Whether it was bought here: releasing it here cancels it there."""
    connection_id: int | None = None
    """The VoIP connection that it was bought or imported through."""
    resource_id: str | None = None
    """The provider's own id of the number."""
    country: str | None = None
    """ISO 3166 alpha-2."""
    features: tuple[str, ...] = ()
    """Of `voice`, `sms`, `mms`."""
    toll_free: bool = False
    monthly_cost: float | None = None
    """US dollars a month, as the provider said when it was bought."""


class Number(msgspec.Struct, frozen=True, kw_only=True, tag="number"):
    id: str
    organization_id: str
    e164: str
    """Canonical: `+` and digits, unique in the system."""
    trunk_id: str | None = None
    """The trunk it is on: its carrier, or an engine's trunk (then calls may come by any carrier trunk of the
    organization)."""
    agent_id: str | None = None
    state: NumberState = "active"
    supports_inbound: bool = True
    supports_outbound: bool = True
    config: NumberConfig = NumberConfig()
    metadata: dict[str, str] = {}
    """A template rendered with the call's data and handed to the agent leg."""
    inbound_pin: Secret | None = None
    room_name: str | None = None
    """A template as `metadata`'s values are, for agents that meet callers in rooms."""
    label: str | None = None
    supply: Supply | None = None
    reprovision_required: bool = False
    provisioned_at: float | None = None
    suspended_at: float | None = None
    provision_error: str | None = None
    """Why the engine or the provider did not take it, in their words; None once they did."""
    engine_resource_id: str | None = None
    """The engine's own id of the number, once it was told of it."""
    created_at: float = 0.0
    updated_at: float = 0.0
