"""What holds for every request, whatever it asks: ids, paths, methods, bodies, limits, failures."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_network

import pytest
from msgspec import structs
from yarl import URL

from tests.api.conftest import Client, Clock, Engine, Keys
from trunkline.api import app, auth, decode
from trunkline.api.route import Route
from trunkline.api.surfaces import surfaces
from trunkline.control.errors import Invalid
from trunkline.control.services import Services

EVERY = tuple(route for surface in surfaces() for route in surface.routes)


async def test_s2_49_every_answer_bears_a_request_id(admin: Client, anybody: Client) -> None:
    for answer in (
        await admin.get("/v1/sip/trunks"),
        await anybody.get("/v1/sip/trunks"),
        await anybody.get("/nowhere"),
        await anybody.get("/healthz"),
    ):
        assert answer.headers["X-Request-Id"].startswith("req_")
    refused = await anybody.get("/v1/sip/trunks", headers={"X-Request-Id": "mine-7.a"})
    assert refused.headers["X-Request-Id"] == refused.json["error"]["request_id"] == "mine-7.a"
    for unfit in ("a b", "x" * 65, "<script>", ""):
        answer = await anybody.get("/v1/sip/trunks", headers={"X-Request-Id": unfit})
        assert answer.headers["X-Request-Id"].startswith("req_")


async def test_s2_40_the_envelope(admin: Client, trunk: str) -> None:
    answer = await admin.post("/v1/phone-numbers/import", {"phone_number": "2125551234", "trunk_id": trunk})
    request_id = answer.headers["X-Request-Id"]
    assert set(answer.json) == {"error"}
    error = answer.json["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["code"] == "invalid_phone_number"
    assert error["details"] == {"field": "phone_number", "provided": "2125551234"}
    assert error["request_id"] == request_id


async def test_paths_and_methods_that_are_not(admin: Client, trunk: str) -> None:
    for path in ("/", "/v1", "/v1/trunks", "/v1/sip", f"/v1/sip/trunks/{trunk}/x", "/v1//calls", "//healthz"):
        answer = await admin.get(path)
        assert (answer.status, answer.code, answer.headers["Content-Type"]) == (404, "not_found", "application/json")
    answer = await admin("PUT", "/v1/sip/trunks")
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "GET, HEAD, POST")
    answer = await admin("OPTIONS", f"/v1/sip/trunks/{trunk}")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, PATCH")
    head = await admin("HEAD", f"/v1/sip/trunks/{trunk}")
    assert (head.status, head.raw) == (200, b"")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "multipart/form-data"]
)
async def test_a_body_must_say_that_it_is_json(admin: Client, kind: str) -> None:
    answer = await admin.post("/v1/agents", raw=b'{"name":"Echo","kind":"echo"}', headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


async def test_json_with_a_charset_is_json(admin: Client) -> None:
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"):
        answer = await admin.post("/v1/agents", raw=b'{"name":"Echo","kind":"echo"}', headers={"Content-Type": kind})
        assert answer.status == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{\xff}",
        b'{"name":"\xed\xa0\x80"}',
        b"[" * 100_000,
        b"NaN",
        b'{"name":1e999}',
    ],
)
async def test_a_body_that_is_no_object_is_400(admin: Client, body: bytes) -> None:
    answer = await admin.post("/v1/agents", raw=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert answer.code in ("invalid_json", "invalid_parameter")


async def test_a_body_too_large_is_413_whether_or_not_it_says_so(admin: Client) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await admin.post("/v1/agents", raw=b" " * (300 * 1024), headers=headers)
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_a_chunked_body_too_large_is_413(admin: Client) -> None:
    host, _, port = admin.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/agents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {admin.key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    for _ in range(5):
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    status = await reader.readline()
    assert b" 413 " in status
    writer.close()


async def test_a_query_parameter_twice_is_400(admin: Client) -> None:
    answer = await admin.get("/v1/calls?page=1&page=2")
    assert (answer.status, answer.details["field"]) == (400, "page")


async def test_s2_47_48_a_thousand_requests_an_hour(client: Keys, organization: str, clock: Clock) -> None:
    busy = await client(organization, "viewer")
    idle = await client(organization, "viewer")
    first = await busy.get("/v1/agents")
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    assert [first.headers[name] for name in names] == ["1000", "999", str(int(clock.wall) + 3600)]
    for _ in range(49):
        await asyncio.gather(*(busy.get("/v1/agents/agent_x") for _ in range(20)))
    await asyncio.gather(*(busy.get("/v1/agents/agent_x") for _ in range(19)))
    refused = await busy.get("/v1/agents")
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert int(refused.headers["Retry-After"]) == 3600
    assert (await idle.get("/v1/agents")).status == 200
    clock.pass_(int(refused.headers["X-RateLimit-Reset"]) - clock.wall)
    assert (await busy.get("/v1/agents")).headers["X-RateLimit-Remaining"] == "999"


async def test_s2_46_a_fault_of_ours_says_nothing_of_it(
    admin: Client, caplog: pytest.LogCaptureFixture, engine: Engine
) -> None:
    del engine.table
    with caplog.at_level(logging.ERROR, "trunkline.api"):
        answer = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"})
    assert (answer.status, answer.code) == (500, "server_error")
    assert b"table" not in answer.raw
    assert answer.headers["X-Request-Id"] in caplog.text


async def test_when_the_engine_is_gone_a_change_says_so(admin: Client, engine: Engine) -> None:
    engine.gone = True
    answer = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"})
    assert (answer.status, answer.code) == (503, "engine_unavailable")
    assert (await admin.get("/v1/agents")).json["pagination"]["total"] == 1


def test_a_reverse_proxy_is_believed_only_when_it_is_named() -> None:
    proxies = (ip_network("10.0.0.0/8"),)
    assert auth.source("203.0.113.9", "198.51.100.1", ()) == "203.0.113.9"
    assert auth.source("203.0.113.9", "198.51.100.1", proxies) == "203.0.113.9"
    assert auth.source("10.0.0.1", "198.51.100.1", proxies) == "198.51.100.1"
    assert auth.source("10.0.0.1", "192.0.2.66, 198.51.100.1, 10.0.0.2", proxies) == "198.51.100.1"
    assert auth.source("10.0.0.1", None, proxies) == "10.0.0.1"
    assert auth.source(None, None, proxies) == ""


async def test_the_key_is_looked_up_in_memory(admin: Client, services: Services) -> None:
    """A key that is gone from memory is gone, whatever the database says: requests do not ask it."""
    (key,) = services.state.catalogue.keys.values()
    services.state.catalogue.remove("key", key.id)
    assert (await admin.get("/v1/agents")).code == "invalid_api_key"


@pytest.mark.parametrize("options", [app.Options(requests_per_hour=0)])
async def test_no_limit_shows_no_limit(options: app.Options, admin: Client) -> None:
    answer = await admin.get("/v1/agents")
    assert "X-RateLimit-Limit" not in answer.headers


async def test_a_path_with_a_line_end_is_answered_as_any_other(admin: Client) -> None:
    answer = await admin.get("/v1/phone-numbers/%0A")
    assert (answer.status, answer.code) == (404, "phone_not_found")
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize("route", [each for each in EVERY if each.query is not None], ids=lambda each: each.key)
def test_r2_the_word_null_is_no_filter_that_is_left_out(route: Route) -> None:
    assert route.query is not None
    for field in structs.fields(route.query):
        try:
            found = decode.query({field.encode_name: "null"}, route.query)
        except Invalid:
            continue
        assert getattr(found, field.name) == "null"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"X-Organization-Id: org_\xff", 403),
        (b"X-Request-Id: \xff", 200),
        (b"X-Forwarded-For: \xff", 200),
        (b"Authorization: Bearer \xff", 401),
    ],
)
async def test_headers_that_are_no_utf_8(admin: Client, header: bytes, status: int) -> None:
    url = URL(admin.base)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    key = b"" if header.startswith(b"Authorization") else b"Authorization: Bearer %s\r\n" % (admin.key or "").encode()
    writer.write(b"GET /v1/agents HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n%s%s\r\n\r\n" % (key, header))
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"\r\nX-Request-Id: " in answer, "it is the API's own answer"
    writer.close()
