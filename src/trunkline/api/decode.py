"""From bytes to a request struct, and from a decoder's complaint to the field it is about.

Unknown fields are refused, in bodies and in queries: a limit or a filter that is misspelt and silently ignored is found
out when calls fail. What the decoder says of a field is translated here to a code, a path and a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from trunkline.control.errors import Invalid, Scalar
from trunkline.model.secret import Secret

S = TypeVar("S", bound=msgspec.Struct)

_COMPLAINT = re.compile(r"(?P<what>.*?)(?: - at (?:key in )?`\$\.?(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def hook(kind: type, value: object) -> object:
    """Read a credential straight into a `Secret`, so that no plain string of it lives in a struct."""
    if kind is Secret:
        if not isinstance(value, str):
            raise ValueError("Expected `str`")
        return Secret(value)
    raise NotImplementedError


def schema_hook(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError


def body(raw: bytes, kind: type[S]) -> S:
    """Raises `Invalid`."""
    try:
        return msgspec.json.decode(raw, type=kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), _plain(raw)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("invalid_json", "The body is not JSON.") from None
    except RecursionError:
        raise Invalid("invalid_json", "The body is nested too deeply.") from None


def query(pairs: Mapping[str, str], kind: type[S]) -> S:
    """Raises `Invalid`. Values are text; numbers and booleans are read from it."""
    try:
        found = msgspec.convert(pairs, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), pairs) from None
    # The decoder takes the word `null` for nothing, where nothing may be: a filter that is there and does not filter.
    for written, name in _names(kind):
        given = pairs.get(written)
        if given is not None and getattr(found, name) is None:
            raise Invalid(
                code_for(written), f"{written}: leave it out where it shall not filter.", field=written, provided=given
            )
    return found


@cache
def _names(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """The fields as they are written, and as they are called here."""
    return tuple([(field.encode_name, field.name) for field in structs.fields(kind)])


def _plain(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _refusal(complaint: str, given: object) -> Invalid:
    match = _COMPLAINT.fullmatch(complaint)
    assert match is not None
    what, path = match["what"], match["path"] or ""
    if missing := _MISSING.fullmatch(what):
        field = f"{path}.{missing[1]}" if path else missing[1]
        return Invalid("missing_required_field", f"{field} is required.", field=field)
    if unknown := _UNKNOWN.fullmatch(what):
        field = f"{path}.{unknown[1]}" if path else unknown[1]
        return Invalid("unknown_field", f"There is no field {field[:100]} here.", field=field[:100])
    if not path:
        return Invalid("invalid_json", f"The body is not what is expected here: {what}.")
    return Invalid(code_for(path), f"{path}: {_sentence(what)}.", field=path, provided=_at(given, path))


def code_for(path: str) -> str:
    """The code of a field whose value cannot be."""
    if "credentials" in path:
        return "invalid_credentials"
    if path.endswith("phone_number"):
        return "invalid_phone_number"
    return "invalid_parameter"


def _sentence(what: str) -> str:
    """The decoder's words without the value, which may be a credential in the wrong place."""
    return re.sub(r"Invalid enum value .*", "not one of the words that are known here", what, flags=re.DOTALL)


def _at(given: object, path: str) -> Scalar:
    for part in path.replace("[", ".[").split("."):
        if isinstance(given, Mapping):
            given = given.get(part)
        elif isinstance(given, list) and part[1:-1].isdigit():
            given = given[int(part[1:-1])]
        else:
            return None
    return given if isinstance(given, str | int | float | bool) else None
