"""`/v1/bans`: sources that are not heard now. For operators: a source is nobody's in particular."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from trunkline.api.body import Request, moment
from trunkline.api.native.shape import Done, PageQuery, Pagination, cut
from trunkline.api.route import Ask, Route
from trunkline.control.ports import BanSeen


class BanCreate(Request, frozen=True, kw_only=True):
    source: Annotated[
        str,
        msgspec.Meta(
            min_length=2,
            max_length=50,
            description="An IPv4 address, or an IPv6 address, which stands for its /64.",
            examples=["198.51.100.7"],
        ),
    ]
    seconds: Annotated[float, msgspec.Meta(ge=1, le=31_536_000)] = 86_400.0
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = "operator"


class BanItem(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    """An IPv4 address, or an IPv6 block."""
    reason: str
    """What tipped the scales, or the operator's words."""
    transports: Literal["all", "udp"]
    """`udp`: nothing proved that the sender was there; its connections are heard."""
    by: Literal["edge", "operator"]
    since: datetime
    until: datetime


class BanList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[BanItem]
    pagination: Pagination


async def list_bans(ask: Ask[None, PageQuery]) -> BanList:
    page, pagination = cut(await ask.services.bans.all(), ask.query)
    return BanList(data=[_item(ban) for ban in page], pagination=pagination)


async def create_ban(ask: Ask[BanCreate, None]) -> BanItem:
    body = ask.body
    return _item(await ask.services.bans.add(body.source, body.seconds, body.reason))


async def delete_ban(ask: Ask[None, None]) -> Done:
    ban = await ask.services.bans.lift(ask.ids["ban_id"])
    return Done(success=True, message=f"{ban.source} is heard again.")


def _item(ban: BanSeen) -> BanItem:
    return BanItem(
        id=f"ban_{ban.id}",
        source=ban.source,
        reason=ban.reason,
        transports=ban.transports,
        by=ban.by,
        since=moment(ban.since),
        until=moment(ban.until),
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/bans",
        handler=list_bans,
        summary="Sources that are not heard now, the newest ban first",
        tag="bans",
        permission="bans:read",
        query=PageQuery,
        response=BanList,
        errors=("engine_unavailable",),
    ),
    Route(
        method="POST",
        path="/v1/bans",
        handler=create_ban,
        summary="Ban a source; it takes the place of a ban of the same source",
        tag="bans",
        permission="bans:write",
        request=BanCreate,
        response=BanItem,
        status=201,
        errors=("source_known", "engine_unavailable", "store_unavailable"),
    ),
    Route(
        method="DELETE",
        path="/v1/bans/{ban_id}",
        handler=delete_ban,
        summary="End a ban now, and forgive what led to it",
        tag="bans",
        permission="bans:write",
        response=Done,
        errors=("engine_unavailable", "store_unavailable"),
    ),
)
