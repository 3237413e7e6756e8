"""A trunk: a SIP peer that calls are exchanged with, whether carrier, PBX or voice engine."""

from __future__ import annotations

from typing import Literal

import msgspec

from trunkline.model.secret import Secret
from trunkline.sip.flow import Transport

Provider = Literal["generic", "twilio", "telnyx", "vonage", "signalwire", "elevenlabs", "openai", "livekit"]
ENGINES: frozenset[str] = frozenset({"elevenlabs", "openai", "livekit"})
"""Providers on the agent's side of a call; the others are carriers and PBXs."""

Codec = Literal["PCMU", "PCMA", "G722"]
IdentityPolicy = Literal["off", "verify", "require"]
MediaEncryption = Literal["disable", "allow", "require"]
Role = Literal["carrier", "agent"]
NumberFormat = Literal["e164", "plain", "national"]
"""How a telephone number is written to a peer: `+4420…`, `4420…`, or as it is dialled in the trunk's country."""
CallerHeader = Literal["from", "pai", "ppi", "rpid"]
"""Where a carrier looks for the calling number: From alone, or beside it P-Asserted-Identity (RFC 3325),
P-Preferred-Identity (RFC 3325 §9.2) or Remote-Party-ID."""


class TlsProfile(msgspec.Struct, frozen=True, kw_only=True):
    """How we meet one peer over TLS. Two trunks share a connection only when their profiles are equal."""

    verify: bool = True
    server_name: str | None = None
    """SNI and the name its certificate must bear; the target's host when None."""
    ca_bundle: str | None = None
    """PEM certificates that are trusted instead of the system's."""
    certificate: str | None = None
    """PEM chain that we show."""
    private_key: Secret | None = None
    """PEM."""


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that a carrier brings, and who answers those that are not kept one by one."""

    prefix: str
    """The beginning of their E.164 form, as `+493012345`; `+` for all."""
    agent_id: str
    outbound: bool = False
    """Whether the agents' side may call out from them, by this carrier."""


class Trunk(msgspec.Struct, frozen=True, kw_only=True, tag="trunk"):
    id: str
    organization_id: str
    name: str
    provider: Provider = "generic"
    role: Role = "carrier"
    """`carrier`: it brings calls to our numbers, and takes calls to telephones. `agent`: a PBX or an agent platform,
    which dials out through us. Engines are on the agents' side whatever this says."""

    host: str | None = None
    """Name or literal address that we send to; None for a trunk that only calls us."""
    port: int | None = None
    """None: SRV or the transport's default decides (RFC 3263)."""
    transport: Transport = "udp"
    """Of outbound legs, and required of inbound requests."""
    outbound_proxy: str | None = None
    """A SIP URI that requests pass first."""
    tls: TlsProfile = TlsProfile()
    tcp_fallback: bool = True
    """`udp`: whether requests that are too large for a datagram go by TCP, either way (RFC 3261 §18.1.1)."""

    networks: tuple[str, ...] = ()
    """CIDR blocks that its requests come from. Empty with a `host`: that address, or those that the name
    leads to."""
    username: str | None = None
    password: Secret | None = None
    """Digest credentials: asked of inbound requests when `challenge`, offered to the peer's challenges."""
    client_certificate: str | None = None
    """By what a TLS client certificate is its peer's: the SHA-256 fingerprint in hexadecimal, or a name in it."""
    challenge: bool = False
    """Whether inbound requests must authenticate even from an allowed network."""
    register: bool = False
    """Whether we register with the peer, as `username` at `host`."""
    register_expires: int = 3600
    """Seconds that a registration is asked for."""
    register_aor: str | None = None
    """The SIP URI that is registered; `username` at `host` when None."""
    accepts_registration: bool = False
    """Whether its devices register with us, as `username`."""
    keepalive: float = 25.0
    """Seconds between keep-alives on the flow of a registration, ours or theirs; 0: none."""
    realm: str | None = None
    """The only realm credentials are offered to; any when None."""

    country: str | None = None
    """ISO 3166 alpha-2: how national numbers on this trunk are read."""
    codecs: tuple[Codec, ...] = ()
    """Allowed codecs in order of preference; empty leaves SDP as the ends wrote it."""
    media_encryption: MediaEncryption = "allow"
    max_concurrent_calls: int | None = None
    full_status: Literal[503, 486] = 503
    """What the call beyond `max_concurrent_calls` is answered."""
    calls_per_second: float | None = None
    trust_identity: bool = False
    """Whether P-Asserted-Identity and its kin are believed from, and passed to, this peer."""
    identity: IdentityPolicy = "off"
    """Whether callers' Identity headers (RFC 8224) are verified, or are required to stand."""
    nat: bool = False
    """Send in-dialog UDP requests to the source seen, whatever its Contact says."""
    outbound: bool = True
    """Whether a carrier trunk takes outbound calls."""
    outbound_priority: int = 100
    """Its place among an organization's carriers, lowest first; a number's own carrier comes before them all."""
    prefixes: tuple[str, ...] = ()
    """E.164 prefixes that it carries, as `+1`; empty for all."""
    dial_format: NumberFormat = "e164"
    """How the dialled number is written to it."""
    caller_format: NumberFormat = "e164"
    """How the calling number is."""
    caller_header: CallerHeader = "from"
    default_caller: str | None = None
    """The number, E.164, that calls from the agents' side come from where they show none of the organization's."""
    ranges: tuple[Range, ...] = ()
    """Numbers that a carrier brings beside those that are on it one by one."""
    allow_refer: bool = False
    """Whether a REFER from this peer may exchange it for somebody else. An agent's always may."""
    send_refer: bool = False
    """Whether a transfer of this peer is left to it, by a REFER of ours, where nobody says how it is to be done."""
    ring_after: float | None = None
    """Seconds after which the caller hears ringing though no agent rings yet; None: never."""

    probe: bool = False
    """Whether OPTIONS are sent to it."""
    probe_interval: float = 30.0
    probe_misses: int = 3
    """Probes lost in a row before it counts as unreachable."""
    probe_hits: int = 2
    """Probes answered in a row before it counts as reachable again."""

    enabled: bool = True
    """The admin state: the only state that blocks calls."""
    reprovision_required: bool = False
    credentials_changed_at: float | None = None
    """When its credentials were last changed: what was told of them before is out of date."""
    provisioned_at: float | None = None
    """When an engine's project was last found good as a whole: numbers that come after it work at once."""
    settings: dict[str, Secret] = {}
    """Provider credentials beyond the digest pair (an API key, a project id, a webhook secret)."""
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def engine(self) -> bool:
        return self.provider in ENGINES

    @property
    def dials_out(self) -> bool:
        """Whether it is on the agents' side: what it asks for is to be called, not ours to answer."""
        return self.role == "agent" or self.provider in ENGINES
