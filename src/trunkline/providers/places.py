"""Where a number was given out, as `Denver, CO`: looked up in the numbering library's own data, offline.

The library's geocoder keeps the places of the whole world in memory, 100 MB that take a second to load. Its data are
sorted lines in a few files, so one file is read for one lookup, and nothing is kept but the answers. What cannot be
read is not known.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from functools import cache, lru_cache
from pathlib import Path

_HEAD = 4096
_NAME = re.compile(r"'en': (?:u\()?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_LONGEST = 12
"""Digits of the longest prefix that a place has."""


@lru_cache(maxsize=4096)
def place_of(e164: str) -> str | None:
    """In English; None when the number's plan does not tell. Reads a file of up to a megabyte: not for the loop."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_number_geographical(parsed):
        return None
    digits = e164[1:]
    text, read = "", -1
    for length in range(min(_LONGEST, len(digits)), 0, -1):
        prefix = digits[:length]
        index = bisect_right(_firsts(), prefix) - 1
        if index < 0:
            return None
        if index != read:
            text, read = _files()[index].read_text("utf-8"), index
        at = text.find(f"\n '{prefix}':")
        if at >= 0:
            return _english(text[at + 1 : text.find("}", at + 1)])
    return None


def _english(entry: str) -> str | None:
    """From an entry of the data, as ` '1303':{'en': 'Colorado'}`."""
    found = _NAME.search(entry)
    return None if found is None else str(ast.literal_eval(found[1]))


@cache
def _files() -> tuple[Path, ...]:
    import phonenumbers

    folder = Path(phonenumbers.__file__).parent / "geodata"
    return tuple(sorted(folder.glob("data*.py"), key=lambda path: int(path.stem.removeprefix("data"))))


@cache
def _firsts() -> tuple[str, ...]:
    """The first prefix of each file: they are in the order of text."""
    found = []
    for path in _files():
        with path.open(encoding="utf-8") as file:
            head = file.read(_HEAD)
        found.append(head.partition("\n '")[2].partition("'")[0])
    return tuple(found)
