"""The words of peers, as people read them."""

from __future__ import annotations

import re

_LONE = re.compile("[\ud800-\udfff]")


def readable(text: str) -> str:
    """With the replacement character for each byte that is no UTF-8: it stands in a text as a lone surrogate, which no
    encoder takes."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)
