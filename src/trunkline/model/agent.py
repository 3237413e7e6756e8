"""An agent: where a call is answered."""

from __future__ import annotations

from typing import Literal

import msgspec

AgentKind = Literal["echo", "sip", "elevenlabs", "openai", "livekit", "websocket", "webrtc", "group"]


class Agent(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    id: str
    organization_id: str
    name: str
    kind: AgentKind
    uri: str | None = None
    """`sip`: the SIP or SIPS URI that is called, when no trunk gives one. `websocket`, `webrtc`: the bot's."""
    trunk_id: str | None = None
    """The trunk it is reached by: required for engines, optional for `sip` (credentials, TLS profile, codecs)."""
    external_id: str | None = None
    """The engine's own id of the agent."""
    members: tuple[str, ...] = ()
    """`group`: agent ids in the order they are tried."""
    ring_timeout: float = 30.0
    """Seconds an attempt may ring."""
    instructions: str | None = None
    """`openai`: the prompt that a call is accepted with."""
    model: str | None = None
    """`openai`: the model that speaks; a default when None."""
    voice: str | None = None
    enabled: bool = True
    created_at: float = 0.0
    updated_at: float = 0.0
