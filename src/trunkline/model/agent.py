"""An agent: where a call is answered."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

AgentKind = Literal["echo", "sip", "elevenlabs", "openai", "livekit", "websocket", "webrtc", "group"]

Strategy = Literal["ordered", "weighted"]

HUNT_ON: Final = (408, 500, 502, 503, 504, 580)
"""The answers after which a group goes on to its next member, unless it says otherwise: what machines say. 408 and 480
count only from who did not ring."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How a group tries one of its members."""

    weight: int = 1
    """Of `weighted` groups: its share. 0: only after all that have one."""
    ring_timeout: float | None = None
    """Seconds that it may ring for this group; None: its own."""


ORDINARY: Final = Step()


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
    steps: dict[str, Step] = {}
    """`group`: by agent id, the members that are not tried in the ordinary way."""
    strategy: Strategy = "ordered"
    """`group`: whether members are tried as they stand, or drawn by weight for each call."""
    hunt_on: tuple[int, ...] = HUNT_ON
    """`group`: the answers after which the next member is tried; a failure of the network is always one."""
    hunt_timeout: float = 180.0
    """`group`: seconds that a call may look for an agent in all."""
    ring_timeout: float = 30.0
    """Seconds an attempt may ring."""
    instructions: str | None = None
    """`openai`: the prompt that a call is accepted with."""
    model: str | None = None
    """`openai`: the model that speaks; a default when None."""
    voice: str | None = None

    probe: bool = False
    """`sip` with a URI: whether OPTIONS are sent to it. An agent without probes is as its trunk's probes find it."""
    probe_interval: float = 30.0
    probe_misses: int = 3
    probe_hits: int = 2

    enabled: bool = True
    created_at: float = 0.0
    updated_at: float = 0.0
