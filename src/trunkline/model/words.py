"""The words of peers, as people read them."""

from __future__ import annotations

import re

_UNREADABLE = re.compile("[\0\ud800-\udfff]")


def readable(text: str) -> str:
    """With the replacement character for each byte that is no UTF-8, which stands in a text as a lone surrogate that no
    encoder takes, and for each NUL, which PostgreSQL keeps in no text."""
    return text if text.isascii() and "\0" not in text else _UNREADABLE.sub("\ufffd", text)
