"""The built-in sandbox: what test keys reach in place of every number provider and engine. It costs nothing, needs no
network, and behaves the same each time.

+15555551235 cannot be bought and fails provisioning, +15555551236 is provisioned slowly; every other number succeeds.
A credential `invalid` is refused, and so is the account `test_user` with another password than `test_pass`; whatever
else it is shown it takes, so that a client can try with its own. What was bought, the last thousand of an account, is
kept as long as the process lives.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from msgspec import structs

from trunkline.model.secret import Secret
from trunkline.providers.plan import calling_code
from trunkline.providers.values import (
    CAPABILITIES,
    Account,
    Check,
    Credentials,
    Endpoint,
    EngineNumber,
    Line,
    Offer,
    Owned,
    Pricing,
    ProviderError,
    Rates,
    Search,
)

FAILS, SLOW = "+15555551235", "+15555551236"
_SUCCEEDS = "+15555551234"
USER, _PASSWORD = "test_user", "test_pass"
"""The account at the built-in SIP peer, and its password."""
_PLACES = {"212": ("New York", "New York"), "415": ("California", "San Francisco")}
_FIRST = ("0100", "0123")
LOCAL = Rates(monthly=1.15, inbound_minute=0.0085, outbound_minute=0.013)
TOLL_FREE = Rates(monthly=2.15, inbound_minute=0.022, outbound_minute=0.013)
_MOST = 1000
"""Bought numbers that an account has."""
HOST = "sip.sandbox.invalid"
"""Where its trunks lead: nowhere."""


class Sandbox:
    """Stands in for the provider `name`, with the credentials that it asks for."""

    settles_within = 0.0

    def __init__(self, name: str, fields: tuple[tuple[str, bool], ...]) -> None:
        self.name = name
        self.fields = fields
        self._bought: dict[str, dict[str, Owned]] = {}

    def wrong(self, credentials: Credentials) -> tuple[str, str] | None:
        return None

    async def test(self, credentials: Credentials) -> Account:
        _accept(self.name, credentials)
        return Account(name=f"Sandbox {self.name.capitalize()} account", id=_account(credentials))

    async def search(self, credentials: Credentials, wanted: Search) -> list[Offer]:
        _accept(self.name, credentials)
        code = calling_code(wanted.country)
        area = "800" if wanted.toll_free else wanted.area_code or ("415" if code == "1" else "20")
        region, locality = _PLACES.get(area, (None, None))
        lines = [*_FIRST, *(f"01{tail:02d}" for tail in range(100) if f"01{tail:02d}" not in _FIRST)]
        found: list[Offer] = []
        for line in lines:
            # In North America ten digits, however many of them are asked for.
            rest = f"555{line}"[max(0, len(area) - 3) :] if code == "1" else f"555{line}"
            e164 = f"+{code}{area}{rest}"[:16]
            if any(each.e164 == e164 for each in found):
                continue
            if wanted.contains is not None and wanted.contains not in e164:
                continue
            if e164 in self._bought.get(_account(credentials), {}):
                continue
            found.append(
                Offer(
                    e164=e164,
                    country=wanted.country,
                    region=region,
                    locality=locality,
                    capabilities=("voice", "sms", "mms") if "mms" in wanted.capabilities else ("voice", "sms"),
                    toll_free=wanted.toll_free,
                    monthly_cost=(TOLL_FREE if wanted.toll_free else LOCAL).monthly,
                    upfront_cost=0.0,
                )
            )
        return found[: wanted.limit]

    async def buy(self, credentials: Credentials, e164: str, handle: str, label: str | None = None) -> Owned:
        _accept(self.name, credentials)
        if e164 == FAILS:
            raise ProviderError("refused", "This number of the sandbox is never available.", provider=self.name)
        owned = Owned(e164=e164, resource_id=_resource(e164), label=label, capabilities=("voice", "sms"))
        bought = self._bought.setdefault(_account(credentials), {})
        if len(bought) >= _MOST:
            del bought[next(iter(bought))]
        bought[e164] = owned
        return owned

    async def owned(self, credentials: Credentials, e164: str | None = None) -> list[Owned]:
        _accept(self.name, credentials)
        there = [
            Owned(e164=each, resource_id=_resource(each), label=None, capabilities=("voice", "sms"))
            for each in (_SUCCEEDS, FAILS, SLOW)
        ]
        there += self._bought.get(_account(credentials), {}).values()
        if e164 is None:
            return there
        # Any other number that a client tries with is in the account too.
        asked = Owned(e164=e164, resource_id=_resource(e164), label=None, capabilities=("voice", "sms"))
        return [next((each for each in there if each.e164 == e164), asked)]

    async def release(self, credentials: Credentials, number: Owned) -> None:
        _accept(self.name, credentials)
        self._bought.get(_account(credentials), {}).pop(number.e164, None)

    async def prices(self, credentials: Credentials, country: str) -> Pricing:
        return Pricing(country=country, local=LOCAL, toll_free=TOLL_FREE)

    async def line(self, credentials: Credentials, endpoint: Endpoint | None, wanted: Line) -> Line:
        return structs.replace(wanted, host=wanted.host or HOST, settings={**wanted.settings, "sandbox": "true"})

    async def point(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> None:
        _accept(self.name, credentials)

    async def pointed(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> Check:
        if number.e164 == FAILS:
            return Check(ok=False, detail="This number of the sandbox never passes.")
        return Check(ok=True)

    async def outbound(self, credentials: Credentials, line: Line) -> Check:
        return Check(ok=True)


class SandboxEngine:
    """Stands in for the engine `name`'s own provisioning."""

    def __init__(self, name: str, slow: float = 6.0, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """`slow`: seconds that the slow number takes."""
        self.name = name
        self._slow = slow
        self._sleep = sleep

    async def check(self, credentials: Credentials) -> None:
        _accept(self.name, credentials)

    async def put(self, credentials: Credentials, number: EngineNumber) -> str | None:
        _accept(self.name, credentials)
        if number.e164 == FAILS:
            raise ProviderError("refused", "This number of the sandbox always fails.", provider=self.name)
        if number.e164 == SLOW:
            await self._sleep(self._slow)
        return _resource(number.e164)

    async def remove(self, credentials: Credentials, resource_id: str) -> None:
        return


def takes(credentials: Credentials) -> bool:
    """Whether the sandbox takes these credentials, at its SIP peer as everywhere else."""
    said = {name: value.reveal() for name, value in credentials.items()}
    return "invalid" not in said.values() and (said.get("username") != USER or said.get("password") == _PASSWORD)


def _accept(name: str, credentials: Credentials) -> None:
    if not takes(credentials):
        raise ProviderError("credentials", f"{name} answered 401: these credentials are invalid", provider=name)


def _account(credentials: Credentials) -> str:
    """An account for each set of credentials."""
    text = "\n".join([f"{name}={_plain(credentials[name])}" for name in sorted(credentials)])
    return "sandbox-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(secret: Secret) -> str:
    return secret.reveal()


def _resource(e164: str) -> str:
    return f"sandbox-{e164[1:]}"


assert set(CAPABILITIES) == {"voice", "sms", "mms"}
