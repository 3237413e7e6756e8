"""`/v1/phone-numbers/bulk-import`: many numbers at once, each of which succeeds or fails alone."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request
from trunkline.api.native.phone_number_shapes import Engine
from trunkline.api.route import Ask, Reply, Route
from trunkline.control.errors import Limited, Refusal
from trunkline.control.routing.numbers import NumberWanted


class BulkNumber(Request, frozen=True, kw_only=True):
    phone_number: Annotated[str, msgspec.Meta(max_length=100)]
    """One that is not E.164 fails alone."""
    agent_id: str | UnsetType | None = UNSET


class PhoneBulkImport(Request, frozen=True, kw_only=True):
    trunk_id: str
    engine: Engine | UnsetType | None = UNSET
    numbers: Annotated[tuple[BulkNumber, ...], msgspec.Meta(min_length=1, max_length=1000)]


class BulkError(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str


class BulkResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    phone_number: str
    status: Literal["success", "failed"]
    id: str | None
    error: BulkError | None = None


class PhoneBulkImported(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    imported: int
    failed: int
    results: list[BulkResult]


async def import_phone_numbers(ask: Ask[PhoneBulkImport, None]) -> Reply:
    body = ask.body
    wanted = [
        NumberWanted(e164=asked.phone_number, trunk_id=body.trunk_id, engine=body.engine, agent_id=asked.agent_id)
        for asked in body.numbers
    ]
    results: list[BulkResult] = []
    spent: Limited | None = None
    for asked, found in zip(
        body.numbers, await ask.services.numbers.import_all(ask.organization_id, wanted), strict=True
    ):
        if isinstance(found, Refusal):
            if found.field == "trunk_id" or found.field == "engine":
                raise found  # of all of them
            spent = found if isinstance(found, Limited) else spent
            error = BulkError(code=found.code, message=found.message)
            results.append(BulkResult(phone_number=asked.phone_number, status="failed", id=None, error=error))
        else:
            results.append(BulkResult(phone_number=found.e164, status="success", id=f"phone_{found.id}"))
    imported = sum(result.status == "success" for result in results)
    if spent is not None and not imported and all(each.error and each.error.code == spent.code for each in results):
        raise spent
    failed = len(results) - imported
    answer = PhoneBulkImported(success=not failed, imported=imported, failed=failed, results=results)
    return Reply(answer, 201 if imported else 200)


ROUTES = (
    Route(
        method="POST",
        path="/v1/phone-numbers/bulk-import",
        handler=import_phone_numbers,
        summary="Import phone numbers; each succeeds or fails alone",
        tag="phone-numbers",
        permission="phone_numbers:create",
        request=PhoneBulkImport,
        response=PhoneBulkImported,
        status=201,
        also=(200,),
        errors=("import_limit_exceeded", "trunk_not_found", "engine_unavailable", "store_unavailable"),
        fields={"e164": "phone_number"},
        budget="import",
    ),
)
