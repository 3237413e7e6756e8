"""Any other carrier: nothing can be asked of it but SIP itself. What it has is what the operator says."""

from __future__ import annotations

from msgspec import structs

from trunkline.providers.values import (
    Account,
    Check,
    Credentials,
    Endpoint,
    Line,
    Offer,
    Owned,
    Pricing,
    ProviderError,
    Search,
)


class Manual:
    name = "manual"
    settles_within = 0.0
    fields: tuple[tuple[str, bool], ...] = (("username", False), ("password", False))

    def wrong(self, credentials: Credentials) -> tuple[str, str] | None:
        if ("username" in credentials) != ("password" in credentials):
            absent = "password" if "username" in credentials else "username"
            return absent, f"{absent} is required beside the other."
        return None

    async def test(self, credentials: Credentials) -> Account:
        name = credentials.get("username")
        return Account(name=None if name is None else name.reveal())

    async def search(self, credentials: Credentials, wanted: Search) -> list[Offer]:
        return []

    async def buy(self, credentials: Credentials, e164: str, handle: str, label: str | None = None) -> Owned:
        raise ProviderError("refused", "Numbers of this carrier are not bought here.", provider=self.name)

    async def owned(self, credentials: Credentials, e164: str | None = None) -> list[Owned]:
        """What the carrier has routed to us is not known: any number that is named is taken for one of it."""
        return [] if e164 is None else [Owned(e164=e164, resource_id=e164, capabilities=("voice",))]

    async def release(self, credentials: Credentials, number: Owned) -> None:
        return

    async def prices(self, credentials: Credentials, country: str) -> Pricing:
        return Pricing(country=country)

    async def line(self, credentials: Credentials, endpoint: Endpoint | None, wanted: Line) -> Line:
        username = credentials.get("username")
        return structs.replace(
            wanted,
            username=None if username is None else username.reveal(),
            password=credentials.get("password"),
        )

    async def point(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> None:
        return

    async def pointed(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> Check:
        """Taken on trust: only the carrier knows, and a call tells."""
        return Check(ok=True, detail=f"Have the carrier send the number's calls to {endpoint.uri}.")

    async def outbound(self, credentials: Credentials, line: Line) -> Check:
        if line.host is None:
            return Check(ok=False, detail="Say in sip_config.domain where the carrier takes calls.")
        return Check(ok=True)
