"""How the system is: alive, ready, measured, counted; and whom it turned away."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trunkline import __version__
from trunkline.api.body import moment
from trunkline.api.native.shape import Moment, PageQuery, Pagination, beginning, ending
from trunkline.api.route import Ask, Reply, Route
from trunkline.telemetry.metrics import CONTENT_TYPE


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"]
    version: str


class Ready(msgspec.Struct, frozen=True):
    status: Literal["ready", "not_ready"]
    reasons: list[str]


class TableCounts(msgspec.Struct, frozen=True):
    tables: dict[str, int]


class RefusalQuery(PageQuery, frozen=True, kw_only=True):
    source: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None


class RefusalItem(msgspec.Struct, frozen=True, kw_only=True):
    minute: datetime
    source: str
    reason: str
    status: int
    """The SIP answer; 0 when there was none."""
    count: int


class RefusalList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[RefusalItem]
    pagination: Pagination


async def health(ask: Ask[None, None]) -> Health:
    return Health("ok", __version__)


async def readiness(ask: Ask[None, None]) -> Reply:
    reasons = await ask.services.status.reasons()
    return Reply(Ready("not_ready" if reasons else "ready", reasons), 503 if reasons else 200)


async def metrics(ask: Ask[None, None]) -> Reply:
    return Reply((await ask.services.status.metrics()).encode(), 200, CONTENT_TYPE)


async def list_tables(ask: Ask[None, None]) -> TableCounts:
    return TableCounts(await ask.services.status.tables())


async def list_refusals(ask: Ask[None, RefusalQuery]) -> RefusalList:
    query = ask.query
    found, total = await ask.services.status.refusals(
        source=query.source,
        start=beginning(query.start_date, "start_date"),
        end=ending(query.end_date, "end_date"),
        page=query.page,
        per_page=query.per_page,
    )
    return RefusalList(
        data=[
            RefusalItem(
                minute=moment(row.minute), source=row.source, reason=row.reason, status=row.status, count=row.count
            )
            for row in found
        ],
        pagination=Pagination(query.page, query.per_page, total),
    )


ROUTES = (
    Route(
        method="GET",
        path="/healthz",
        handler=health,
        summary="Whether the process answers",
        tag="status",
        permission=None,
        response=Health,
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=readiness,
        summary="Whether new calls should be sent here, and why not",
        tag="status",
        permission=None,
        response=Ready,
        also=(503,),
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=metrics,
        summary="Prometheus metrics",
        tag="status",
        permission=None,
        text=True,
        errors=("engine_unavailable",),
    ),
    Route(
        method="GET",
        path="/v1/status/tables",
        handler=list_tables,
        summary="How many entries each table of the engine has",
        tag="status",
        permission="status:read",
        response=TableCounts,
        errors=("engine_unavailable",),
    ),
    Route(
        method="GET",
        path="/v1/refusals",
        handler=list_refusals,
        summary="Requests that became nobody's call: by minute, source and reason",
        tag="status",
        permission="refusals:read",
        query=RefusalQuery,
        response=RefusalList,
        errors=("store_unavailable",),
    ),
)
