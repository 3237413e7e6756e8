"""Which client speaks for which provider: made once, of where each is reached."""

from __future__ import annotations

import msgspec

from trunkline.providers.elevenlabs import ElevenLabs
from trunkline.providers.manual import Manual
from trunkline.providers.openai import OpenAi
from trunkline.providers.rest import Rest
from trunkline.providers.sandbox import Sandbox, SandboxEngine
from trunkline.providers.signalwire import SignalWire
from trunkline.providers.telnyx import Telnyx
from trunkline.providers.twilio import Twilio
from trunkline.providers.vonage import Vonage

NumberClient = Twilio | Telnyx | Vonage | SignalWire | Manual | Sandbox
EngineClient = ElevenLabs | OpenAi | SandboxEngine


class Urls(msgspec.Struct, frozen=True, kw_only=True):
    """Where providers are reached."""

    twilio: str
    twilio_trunking: str
    twilio_pricing: str
    telnyx: str
    vonage: str
    signalwire: str
    """`{space}` stands for the account's space."""
    elevenlabs: str
    openai: str


class Providers:
    """`close` it at the end."""

    __slots__ = ("_engines", "_numbers", "_test_engines", "_test_numbers", "openai", "rest")

    def __init__(self, urls: Urls, rest: Rest | None = None, slow: float = 6.0) -> None:
        """`slow`: seconds that the sandbox's slow number takes."""
        self.rest = rest or Rest()
        self.openai = OpenAi(self.rest, urls.openai)
        clients: tuple[NumberClient, ...] = (
            Twilio(self.rest, urls.twilio, urls.twilio_trunking, urls.twilio_pricing),
            Telnyx(self.rest, urls.telnyx),
            SignalWire(self.rest, urls.signalwire),
            Vonage(self.rest, urls.vonage),
            Manual(),
        )
        self._numbers: dict[str, NumberClient] = {each.name: each for each in clients}
        self._engines: dict[str, EngineClient] = {
            "elevenlabs": ElevenLabs(self.rest, urls.elevenlabs),
            "openai": self.openai,
        }
        self._test_numbers: dict[str, NumberClient] = {each.name: Sandbox(each.name, each.fields) for each in clients}
        self._test_engines: dict[str, EngineClient] = {
            name: SandboxEngine(name, slow) for name in ("elevenlabs", "openai", "livekit")
        }

    def numbers(self, provider: str, *, live: bool) -> NumberClient:
        """The client of a number provider; for test keys the sandbox in its place."""
        return (self._numbers if live else self._test_numbers)[provider]

    def engine(self, engine: str, *, live: bool) -> EngineClient | None:
        """The client of an engine's own provisioning; None when it has none."""
        return (self._engines if live else self._test_engines).get(engine)

    async def close(self) -> None:
        await self.rest.close()
