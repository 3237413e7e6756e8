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
    label: str | None = None
    reprovision_required: bool = False
    provisioned_at: float | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
