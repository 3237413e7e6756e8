"""A surface: a document's paths, shapes and errors over the same services. It has no logic beyond them."""

from __future__ import annotations

import msgspec

from trunkline.api.errors import Error, Renderer
from trunkline.api.route import Route


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """As its committed document is called."""
    title: str
    description: str
    prefix: str
    """What its paths begin with; errors at paths that do not exist are rendered by the longest that fits."""
    routes: tuple[Route, ...]
    document: str
    """The path of its OpenAPI document."""
    render: Renderer
    error: type[msgspec.Struct] = Error
    """What every refusal looks like."""
    prefixes: dict[str, str] = {}
    """How ids that a refusal lists are shown, where it is not as the native surface does."""
