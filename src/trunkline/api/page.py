"""`/docs`: a page to read the documents and to try what is in them. It is one file that needs nothing but this server.

Its policy (CSP) names its own style and script by their hashes and allows no other, and requests to nobody else: what
is typed into it, a key too, goes nowhere but here.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from trunkline.api.route import Ask, Reply, Route
from trunkline.api.surface import Surface

_FILE = Path(__file__).with_name("page.html")


def route(surfaces: Sequence[Surface]) -> Route:
    """The page over these surfaces."""
    listed = [{"name": each.name, "title": each.title, "document": each.document} for each in surfaces]
    text = _FILE.read_text("utf-8").replace("/*surfaces*/[]", msgspec.json.encode(listed).decode())
    page = text.encode()

    async def docs(ask: Ask[None, None]) -> Reply:
        return Reply(page, 200, "text/html; charset=utf-8")

    return Route(
        method="GET",
        path="/docs",
        handler=docs,
        summary="A page to read the API and to try it, without any network beyond this server",
        tag="status",
        permission=None,
        headers={"Content-Security-Policy": policy(text)},
        html=True,
    )


def policy(text: str) -> str:
    """What the page may do."""
    style, script = (_hash(_inside(text, tag)) for tag in ("style", "script"))
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


def _inside(text: str, tag: str) -> str:
    (found,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return str(found)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
