"""A VoIP connection: an account at a number provider, with what calls over it need."""

from __future__ import annotations

from typing import Literal

import msgspec

from trunkline.model.secret import Secret
from trunkline.sip.flow import Transport

NumberProviderName = Literal["twilio", "telnyx", "signalwire", "vonage", "manual"]
SetupMethod = Literal["api_key", "guided_telnyx", "manual"]
ConnectionStatus = Literal["pending", "testing", "connected", "error"]

SETUP_METHODS: dict[str, tuple[SetupMethod, ...]] = {
    "twilio": ("api_key",),
    "telnyx": ("api_key", "guided_telnyx"),
    "signalwire": ("api_key",),
    "vonage": ("api_key",),
    "manual": ("manual",),
}
"""How each provider is set up; the first is what holds when nothing is said."""


class SipConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The SIP side of an account, as far as it was said or found out."""

    domain: str | None = None
    """Where calls to the telephone network are sent."""
    port: int | None = None
    transport: Transport = "udp"
    networks: tuple[str, ...] = ()
    """CIDR blocks that the provider's calls come from."""
    username: str | None = None
    password: Secret | None = None
    settings: dict[str, str] = {}
    """Ids of what numbers are put on at the provider: its trunk, its SIP connection."""


class Connection(msgspec.Struct, frozen=True, kw_only=True, tag="connection"):
    id: str
    organization_id: str
    serial: int
    """The whole number that it is known by in its own API."""
    provider: NumberProviderName
    setup_method: SetupMethod
    name: str
    inferred_name: bool = False
    status: ConnectionStatus = "pending"
    credentials: dict[str, Secret] = {}
    sip_config: SipConfig = SipConfig()
    trunk_id: str | None = None
    """The trunk that its numbers' calls come by; made with the first of them."""
    last_tested_at: float | None = None
    """Of the last test that succeeded."""
    numbers_imported: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
