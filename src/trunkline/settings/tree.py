"""What may be set, and what holds when nothing is.

The names are those of the TOML file; in the environment a name is upper case after `TRUNKLINE_`, its parts joined by
two underscores: `sip.timers.t1` is `TRUNKLINE_SIP__TIMERS__T1`. Times are seconds, sizes bytes, unless a name says
otherwise. Every setting is explained, with its default, in config/trunkline.toml.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from trunkline.sip.flow import Transport

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Brand = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9]{0,31}$", description="a letter, then letters and digits")]
Worker = Annotated[str, Meta(pattern=r"^[a-z0-9]{2}$", description="two characters of a-z and 0-9")]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table of settings."""


class Listener(Section, frozen=True, kw_only=True):
    transport: Transport = "udp"
    host: str = "0.0.0.0"
    """A literal address; `0.0.0.0` and `::` mean every address of the host of that family."""
    port: Port | None = None
    """None: 5060, for TLS 5061."""
    external_address: str | None = None
    """`host` or `host:port`, as others reach it."""
    certificate: Path | None = None
    private_key: Path | None = None
    client_ca: Path | None = None
    client_certificate: Literal["require", "ask"] = "require"
    """With `client_ca`: whether a peer may show none."""


class Timers(Section, frozen=True, kw_only=True):
    t1: Seconds = 0.5
    t2: Seconds = 4.0
    t4: Seconds = 5.0


class OverloadSettings(Section, frozen=True, kw_only=True):
    """How long a message may wait for its turn before new calls are refused."""

    target: Seconds = 0.02
    interval: Seconds = 0.1
    limit: Seconds = 0.5


class Connections(Section, frozen=True, kw_only=True):
    accepted: Positive = 4096
    per_source: Positive = 128
    handshakes: Positive = 1024
    outbound: Positive = 1024
    connect_time: Seconds = 5.0
    handshake_time: Seconds = 5.0
    message_time: Seconds = 20.0
    idle_time: Seconds = 3600.0
    stranger_time: Seconds = 60.0


class Abuse(Section, frozen=True, kw_only=True):
    """What is borne of sources that nobody knows."""

    answers_per_second: Annotated[float, Meta(ge=0)] = 10.0
    """To one source; 0: no limit."""
    offences: Annotated[float, Meta(ge=0)] = 30.0
    """That bring a ban; 0: nobody is banned for offences."""
    forgiven_after: Seconds = 600.0
    """In which so many are forgiven."""
    ban_time: Seconds = 300.0
    longest_ban: Seconds = 86400.0
    never: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks that are never banned, nor limited as strangers are."""


DEFAULT_LISTENERS = (
    Listener(transport="udp", host="0.0.0.0"),
    Listener(transport="udp", host="::"),
    Listener(transport="tcp", host="0.0.0.0"),
    Listener(transport="tcp", host="::"),
)


class RegistrarSettings(Section, frozen=True, kw_only=True):
    """What a device that registers may ask for."""

    shortest: Positive = 60
    """Seconds; less is answered 423."""
    usual: Positive = 3600
    """Seconds, where it names none."""
    longest: Positive = 86400
    """Seconds; more is cut to it."""
    contacts: Positive = 10
    """Devices of one trunk."""
    algorithms: tuple[Literal["SHA-256", "MD5"], ...] = ("MD5",)
    """What devices are challenged with, the preferred first."""


class Sip(Section, frozen=True, kw_only=True):
    listeners: tuple[Listener, ...] = DEFAULT_LISTENERS
    domain: str | None = None
    """The realm of challenges, and the host that peers are told to call."""
    unknown_sources: Literal["reject", "challenge", "drop"] = "challenge"
    max_calls: Count = 0
    """Calls at one time; 0: no limit."""
    source_calls_per_second: Annotated[float, Meta(ge=0)] = 0.0
    """New calls of one remote address; 0: no limit."""
    drain_limit: Annotated[float, Meta(ge=0)] = 300.0
    """How long live calls may go on after SIGTERM."""
    receive_buffer: Positive = 4194304
    session_expires: Annotated[int, Meta(ge=0, le=86400)] = 1800
    """The session interval that is asked for (RFC 4028); 0: none is."""
    min_se: Annotated[int, Meta(ge=90, le=86400)] = 90
    """The shortest session interval that is taken."""
    reliable_early_media: bool = True
    """Whether a caller that supports reliable provisional responses gets early media by one (RFC 3262)."""
    attempt_timeout: Seconds = 4.0
    """Without any answer an INVITE goes to the next address, or agent, after this; the last one has all its time."""
    mtu: Annotated[int, Meta(ge=200, le=65535)] = 1300
    """A larger request goes by TCP rather than UDP (RFC 3261 §18.1.1)."""
    name_servers: tuple[str, ...] = ()
    """`address` or `address:port`; empty: those of the system."""
    timers: Timers = Timers()
    overload: OverloadSettings = OverloadSettings()
    connections: Connections = Connections()
    abuse: Abuse = Abuse()
    registrar: RegistrarSettings = RegistrarSettings()


class Identity(Section, frozen=True, kw_only=True):
    """How callers' Identity headers are verified (STIR/SHAKEN), on trunks that ask for it."""

    trust_store: Path | None = None
    """PEM file, or a directory of such files; None: nobody is trusted, and nothing is verified."""
    timeout: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """How long a call waits for a certificate."""
    networks: tuple[str, ...] = ()
    """CIDR blocks that certificates are fetched from beside public addresses, as of a repository within the house."""


class Media(Section, frozen=True, kw_only=True):
    address: str | None = None
    """A literal address that media is bound to; None: the one that the call's signalling came to."""
    external_address: str | None = None
    """A literal address that SDP bears; None: the signalling's own, as its listener is known outside."""
    first_port: Annotated[int, Meta(ge=1, le=65535)] = 20000
    last_port: Annotated[int, Meta(ge=1, le=65535)] = 20999
    silence_timeout: Seconds = 30.0


class Api(Section, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: Port = 8080
    certificate: Path | None = None
    private_key: Path | None = None
    requests_per_hour: Count = 1000
    """Of one key; 0: no limit."""
    imports_per_minute: Positive = 10
    """Phone numbers that an organization may import in a minute."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of the reverse proxies whose X-Forwarded-For is believed."""


class StoreSettings(Section, frozen=True, kw_only=True):
    url: str | None = None
    """None: `trunkline.db` in the data directory, by SQLite."""
    records_kept_days: Count = 90
    """0: for ever."""
    journal_fsync: bool = False


class Secrets(Section, frozen=True, kw_only=True):
    key_file: Path | None = None
    """None: `secret.key` in the data directory; made, readable by its owner alone, when absent."""


class Log(Section, frozen=True, kw_only=True):
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Trace(Section, frozen=True, kw_only=True):
    calls: Count = 1000
    """The last calls whose messages are kept; 0: none."""
    messages_per_call: Positive = 200
    bytes_per_call: Positive = 131072


class ProviderUrls(Section, frozen=True, kw_only=True):
    """Where number providers and engines are reached."""

    twilio: str = "https://api.twilio.com"
    twilio_trunking: str = "https://trunking.twilio.com"
    twilio_pricing: str = "https://pricing.twilio.com"
    telnyx: str = "https://api.telnyx.com/v2"
    vonage: str = "https://rest.nexmo.com"
    signalwire: str = "https://{space}.signalwire.com"
    """`{space}` stands for the account's space."""
    elevenlabs: str = "https://api.elevenlabs.io"
    openai: str = "https://api.openai.com"
    timeout: Seconds = 15.0
    """Of one request; what may be repeated is sent three times at most."""
    patience: Seconds = 3.0
    """How long a request to the API waits for provisioning that it began."""


class WebhookSettings(Section, frozen=True, kw_only=True):
    allow_private: bool = False
    """Whether webhooks may be sent to addresses that are not public."""
    timeout: Seconds = 10.0


class Settings(Section, frozen=True, kw_only=True):
    brand: Brand = "trunkline"
    """The product's name on the wire: header names, key prefixes."""
    worker: Worker = "w0"
    """The first two characters of every id this process mints; different for each process behind one address."""
    data_dir: Path = Path("trunkline-data")
    sip: Sip = Sip()
    identity: Identity = Identity()
    media: Media = Media()
    api: Api = Api()
    store: StoreSettings = StoreSettings()
    secrets: Secrets = Secrets()
    providers: ProviderUrls = ProviderUrls()
    webhooks: WebhookSettings = WebhookSettings()
    log: Log = Log()
    trace: Trace = Trace()

    @property
    def store_url(self) -> str:
        return self.store.url or f"sqlite:///{self.data_dir / 'trunkline.db'}"

    @property
    def journal_dir(self) -> Path:
        return self.data_dir / "journal"

    @property
    def key_file(self) -> Path:
        return self.secrets.key_file or self.data_dir / "secret.key"
