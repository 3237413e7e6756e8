"""From a path to its routes: a tree of segments in which a literal always wins over a parameter.

Our own rather than the framework's, because there a literal path that lacks the method falls through to the parameter
beside it (`DELETE /calls/live` would delete the call named "live"), and because 405 needs the methods of exactly this
path.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from trunkline.api.route import Route


class _Node:
    __slots__ = ("literals", "parameter", "name", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.name = ""
        self.routes: dict[str, Route] = {}


class Paths:
    __slots__ = ("_root",)

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                if segment.startswith("{"):
                    name = segment[1:-1]
                    if node.parameter is None:
                        node.parameter = _Node()
                        node.parameter.name = name
                    node = node.parameter
                    if node.name != name:
                        raise ValueError(f"{route.path}: the parameter is called {node.name} elsewhere")
                else:
                    node = node.literals.setdefault(segment, _Node())
            if route.method in node.routes:
                raise ValueError(f"two routes for {route.key}")
            node.routes[route.method] = route

    def find(self, raw_path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
        """The path's routes by method, and its parameters unescaped; None when there is no such path.

        One slash at the end is as none.
        """
        segments = raw_path.split("/")[1:]
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        node = self._root
        values: dict[str, str] = {}
        for segment in segments:
            text = unquote(segment) if "%" in segment else segment
            child = node.literals.get(text)
            if child is None:
                child = node.parameter
                if child is None or not text:
                    return None
                values[child.name] = text
            node = child
        return (node.routes, values) if node.routes else None
