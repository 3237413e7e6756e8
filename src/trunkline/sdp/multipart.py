"""Where the session description lies in a message body (RFC 5621). Nothing else of one crosses.

A body is read only as far as that takes: the other parts (ISUP, PIDF-LO, XML) are for others than the callee, and may
say of a caller what it withholds.
"""

from __future__ import annotations

import re
from typing import Final

MAX_PARTS: Final = 16
"""Parts of a multipart body that are looked at."""

_BOUNDARY: Final = re.compile(r'boundary[ \t]*=[ \t]*(?:"([^"\r\n]{1,70})"|([^ \t;,"\r\n]{1,70}))', re.IGNORECASE)
_PART_TYPE: Final = re.compile(rb"(?:^|\n)content-type[ \t]*:[ \t]*([^;\r\n]*[^;\r\n \t])", re.IGNORECASE)
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")


class Span:
    """The description is `body[start:end]`."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


def find_sdp(content_type: str | None, body: bytes) -> Span | None:
    """Where the SDP of a body is; None when it has none.

    A body without Content-Type that begins with `v=0` is taken for one: several stacks forget the header.
    """
    if not body:
        return None
    if content_type is None:
        return Span(0, len(body)) if body.startswith(b"v=0") else None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/sdp":
        return Span(0, len(body))
    if kind.startswith("multipart/"):
        return _in_parts(content_type, body)
    return None


def _in_parts(content_type: str, body: bytes) -> Span | None:
    match = _BOUNDARY.search(content_type)
    if match is None:
        return None
    delimiter = b"--" + (match[1] or match[2]).encode("utf-8", "surrogateescape")
    at = 0 if body.startswith(delimiter) else _next(body, delimiter, 0)
    for _ in range(MAX_PARTS):
        if at < 0:
            return None
        line_end = body.find(b"\n", at)
        if line_end < 0 or body.startswith(b"--", at + len(delimiter)):
            return None
        following = _next(body, delimiter, line_end)
        if following < 0:
            return None
        stop = following - 1
        if body[stop - 1 : stop] == b"\r":
            stop -= 1
        span = _description(body, line_end + 1, stop)
        if span is not None:
            return span
        at = following
    return None


def _next(body: bytes, delimiter: bytes, start: int) -> int:
    """Index of the next delimiter at the beginning of a line, -1 when there is none."""
    found = body.find(b"\n" + delimiter, start)
    return found + 1 if found >= 0 else -1


def _description(body: bytes, start: int, stop: int) -> Span | None:
    """The part `body[start:stop]` without its head, when it is SDP."""
    if body.startswith((b"\r\n", b"\n"), start):
        return None  # No head at all: the part is text/plain (RFC 2046 §5.1).
    head = _HEAD_END.search(body, start, stop)
    if head is None:
        return None
    kind = _PART_TYPE.search(body[start : head.start()])
    if kind is None or kind[1].strip().lower() != b"application/sdp":
        return None
    return Span(head.end(), stop)
