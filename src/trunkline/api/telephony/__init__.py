"""The telephony surface, `/api/v1/telephony`: numbers and SIP trunks in camelCase. One resource, one file."""

from __future__ import annotations

from trunkline.api import errors
from trunkline.api.surface import Surface
from trunkline.api.telephony import market, numbers, sip_trunks

BASE = "/api/v1/telephony"


def surface(brand: str) -> Surface:
    return Surface(
        name="telephony",
        title="Telephony",
        description="Phone numbers and SIP trunks: search, provision, assign, release and configure.",
        prefix=BASE,
        routes=(*market.ROUTES, *numbers.ROUTES, *sip_trunks.routes(brand)),
        document=f"{BASE}/openapi.json",
        render=errors.native,
        prefixes={"trunk": "sip", "agent": "agt"},
    )
