"""All surfaces of the API, and the document of each."""

from __future__ import annotations

from functools import cache

from msgspec import structs

from trunkline import __version__
from trunkline.api import errors, importing, native, numbers, page, telephony
from trunkline.api.openapi import encode
from trunkline.api.route import Ask, Reply, Route
from trunkline.api.surface import Surface

NATIVE = Surface(
    name="native",
    title="Trunkline",
    description=(
        "Manage the trunks, agents and phone numbers of a SIP edge, and see its calls. "
        "A change is answered when the next INVITE obeys it. Unknown fields in bodies and queries are refused."
    ),
    prefix="/",
    routes=native.ROUTES,
    document="/openapi.json",
    render=errors.native,
)


@cache
def surfaces(brand: str = "trunkline") -> tuple[Surface, ...]:
    """Every surface; `brand` is in names of a few fields."""
    among = (NATIVE, telephony.surface(brand), numbers.SURFACE, importing.SURFACE)
    first = structs.replace(NATIVE, routes=(*NATIVE.routes, page.route(among)))
    return tuple(_documented(each) for each in (first, *among[1:]))


def _documented(surface: Surface) -> Surface:
    """The surface with the route that serves its document."""
    body: list[bytes] = []

    async def document(ask: Ask[None, None]) -> Reply:
        # About all routes, this one among them.
        if not body:
            body.append(encode(whole, __version__))
        return Reply(body[0])

    route = Route(
        method="GET",
        path=surface.document,
        handler=document,
        summary="This document",
        tag="document",
        permission=None,
    )
    whole = structs.replace(surface, routes=(*surface.routes, route))
    return whole


def find(path: str, among: tuple[Surface, ...]) -> Surface:
    """The surface that answers for a path, whether there is anything at it or not."""
    fitting = [each for each in among if path.startswith(each.prefix)]
    return max(fitting, key=lambda each: len(each.prefix), default=among[0])
