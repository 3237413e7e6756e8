"""SignalWire, by its compatibility API: Twilio's calls on numbers, without `.json`, at a host of the space's own.

SignalWire publishes no document that may be used here, so its shapes are recorded ones: those of Twilio's, as its own
client libraries read them. A number is led to us by a LaML bin, which cannot be made by API: the operator points the
number, or the space's SIP domain, at us, and `pointed` says so.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import structs

from trunkline.providers.rest import Rest, read
from trunkline.providers.twilio import TwilioNumbers
from trunkline.providers.values import Check, Credentials, Endpoint, Line, Owned, Pricing

_SPACE = re.compile(r"([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.signalwire\.com)?")


class _Incoming(msgspec.Struct):
    sid: str
    voice_url: str | None = None


class SignalWire(TwilioNumbers):
    name = "signalwire"
    suffix = ""
    account_field = "project_id"
    fields: tuple[tuple[str, bool], ...] = (("space", True), ("project_id", True), ("api_token", True))

    def __init__(self, rest: Rest, base: str) -> None:
        super().__init__(rest)
        self._base = base

    def wrong(self, credentials: Credentials) -> tuple[str, str] | None:
        if not _SPACE.fullmatch(credentials["space"].reveal().lower()):
            return "space", "A space is the first part of NAME.signalwire.com."
        if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", credentials["project_id"].reveal()):
            return "project_id", "A project id is letters, digits and `-`."
        return None

    async def prices(self, credentials: Credentials, country: str) -> Pricing:
        return Pricing(country=country)

    async def line(self, credentials: Credentials, endpoint: Endpoint | None, wanted: Line) -> Line:
        return structs.replace(wanted, host=wanted.host or f"{self._space(credentials)}.sip.signalwire.com")

    async def point(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> None:
        """Nothing: see the module. A voice URL that the operator named is set."""
        if url := line.settings.get("voice_url"):
            await self._pointed(credentials, number, {"VoiceUrl": url})

    async def pointed(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> Check:
        path = f"{self._account(credentials)}/IncomingPhoneNumbers/{number.resource_id}"
        there = read(self.name, await self._send(credentials, "GET", path), _Incoming)
        if there.voice_url:
            return Check(ok=True)
        return Check(
            ok=False,
            detail=f"At SignalWire, let the number's calls run LaML that dials {endpoint.uri}.",
        )

    async def outbound(self, credentials: Credentials, line: Line) -> Check:
        if line.username is None:
            return Check(
                ok=False, detail="Make a SIP endpoint at SignalWire and put its username and password into sip_config."
            )
        return Check(ok=True)

    def _space(self, credentials: Credentials) -> str:
        match = _SPACE.fullmatch(credentials["space"].reveal().lower())
        assert match is not None
        return match[1]

    def _api(self, credentials: Credentials) -> str:
        return f"{self._origin(credentials)}/api/laml/2010-04-01"

    def _origin(self, credentials: Credentials) -> str:
        return self._base.replace("{space}", self._space(credentials))

    def _basic(self, credentials: Credentials) -> tuple[str, str]:
        return credentials["project_id"].reveal(), credentials["api_token"].reveal()
