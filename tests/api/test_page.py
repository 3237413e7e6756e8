"""The page at /docs: whole in itself, over the documents of all surfaces, and kept by its own policy."""

from __future__ import annotations

import base64
import hashlib
import re

from tests.api.conftest import Client
from trunkline.api.surfaces import surfaces


async def test_it_needs_nothing_but_this_server(anybody: Client) -> None:
    answer = await anybody.get("/docs")
    text = answer.raw.decode()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r"(?:https?:)?//[a-z]", text) == []
    assert re.findall(r"<(?:link|img|iframe)|src=|@import|url\(", text) == []
    for surface in surfaces():
        assert f'"document":"{surface.document}"' in text
    assert (await anybody.get("/docs/")).raw == answer.raw


async def test_its_policy_allows_its_own_script_and_no_other(anybody: Client) -> None:
    answer = await anybody.get("/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.raw.decode(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


async def test_nothing_of_an_answer_becomes_markup(anybody: Client) -> None:
    text = (await anybody.get("/docs")).raw.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)
