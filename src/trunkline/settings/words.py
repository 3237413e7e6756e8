"""What a setting must be, in words, out of its type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from msgspec import inspect


def must_be(kind: Any) -> str:
    """`a whole number from 0 to 65535`, `one of reject, challenge, drop`, …"""
    return _say(inspect.type_info(kind))


def suggestion(name: str, known: Iterable[str]) -> str:
    """`did you mean "drain_limit"?`, or the names there are."""
    names = list(known)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known here: " + ", ".join(names)


def _say(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            described = (extra or {}).get("description")
            return str(described) if described else _say(inner)
        case inspect.UnionType(types=types):
            said = [_say(each) for each in types if not isinstance(each, inspect.NoneType)]
            return " or ".join(said) + ', or "" for none'
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(value) for value in values)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _bounds(info)
        case inspect.FloatType():
            return "a number" + _bounds(info)
        case inspect.StrType():
            return "text"
        case inspect.VarTupleType():
            return "a list of texts"
        case inspect.CustomType():
            return "a path, as text"
        case _:
            return "a table of settings"


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    if info.ge is not None:
        return f" of at least {info.ge}"
    if info.gt is not None:
        return f" above {info.gt}"
    return ""
