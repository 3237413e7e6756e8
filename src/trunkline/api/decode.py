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
from msgspec import inspect, structs

from trunkline.api.words import E164, SHAPES
from trunkline.control.errors import Invalid, Scalar
from trunkline.model.secret import Secret

S = TypeVar("S", bound=msgspec.Struct)

_COMPLAINT = re.compile(r"(?P<what>.*?)(?: - at (?:key in )?`\$\.?(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_PATTERN = re.compile(r"Expected `str` matching regex '(.*)'", re.DOTALL)
_ANY_CASE = re.compile(r"\^\(((?:\[[a-z][A-Z]\]|[0-9|])+)\)\$")
_EITHER_CASE = re.compile(r"\[([a-z])[A-Z]\]")
_BOUND = re.compile(r"Expected `(?:int|float)` ([<>])= (\S+)")
_LENGTH = re.compile(r"Expected `(\w+)` of length ([<>])= (\d+)")
_KIND = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list"}


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
        found = msgspec.json.decode(raw, type=kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), _plain(raw), kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("invalid_json", "The body is not JSON.") from None
    except RecursionError:
        raise Invalid("invalid_json", "The body is nested too deeply.") from None
    # No text of ours has a NUL, and PostgreSQL keeps none. In JSON it is only ever written like this.
    if b"\\u0000" in raw and (path := _with_nul(_plain(raw))) is not None:
        raise Invalid(code_for(path), f"{path[:100]}: a text has no NUL character.", field=path[:100])
    return found


def query(pairs: Mapping[str, str], kind: type[S]) -> S:
    """Raises `Invalid`. Values are text; numbers and booleans are read from it."""
    for name, value in pairs.items():
        if any(letter < " " for letter in value):
            raise Invalid("invalid_parameter", f"{name}: a line of text.", field=name, provided=value)
    try:
        found = msgspec.convert(pairs, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), pairs, kind) from None
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


def _with_nul(value: object, path: str = "") -> str | None:
    """Where a NUL stands in a text or in the name of a field; None when none does."""
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict):
        parts = [(f"{path}.{name}" if path else name, name, each) for name, each in value.items()]
        inner = [_with_nul(name, path) or _with_nul(each, place) for place, name, each in parts]
    elif isinstance(value, list):
        inner = [_with_nul(each, f"{path}[{place}]") for place, each in enumerate(value)]
    else:
        return None
    return next((found for found in inner if found is not None), None)


def _refusal(complaint: str, given: object, kind: type) -> Invalid:
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
    provided = _at(given, path)
    if _pattern(what) == E164:
        return Invalid("invalid_phone_number", "Phone number must be in E.164 format", field=path, provided=provided)
    return Invalid(code_for(path), f"{path}: {_sentence(what, path, kind)}.", field=path, provided=provided)


def _pattern(what: str) -> str:
    """The pattern that a text is not of; empty where the complaint is another."""
    match = _PATTERN.fullmatch(what)
    return match[1].encode().decode("unicode_escape") if match is not None else ""


def code_for(path: str) -> str:
    """The code of a field whose value cannot be."""
    if "credentials" in path:
        return "invalid_credentials"
    if path.lower().endswith(("phone_number", "phonenumber", "e164")):
        return "invalid_phone_number"
    return "invalid_parameter"


def _sentence(what: str, path: str, kind: type) -> str:
    """The decoder's words for people, and without the value, which may be a credential in the wrong place."""
    pattern = _pattern(what)
    if pattern in SHAPES:
        return SHAPES[pattern]
    if words := _ANY_CASE.fullmatch(pattern):
        return "one of " + _EITHER_CASE.sub(r"\1", words[1]).replace("|", ", ")
    if bound := _BOUND.fullmatch(what):
        return f"at {'most' if bound[1] == '<' else 'least'} {bound[2]}"
    if length := _LENGTH.fullmatch(what):
        noun = "characters" if length[1] == "str" else "items"
        return f"at {'most' if length[2] == '<' else 'least'} {length[3]} {noun}"
    if kinds := _KIND.fullmatch(what):
        return f"expected {_kinds(kinds[1])}, got {_kinds(kinds[2])}"
    if what.startswith("Invalid enum value"):
        known = _words(inspect.type_info(kind), re.findall(r"[^.\[\]]+", path))
        return f"one of {', '.join(known)}" if known else "not one of the words that are known here"
    return what


def _words(kind: inspect.Type, path: list[str]) -> list[str]:
    """The words that may stand at a place in a struct."""
    if isinstance(kind, inspect.Metadata):
        return _words(kind.type, path)
    if isinstance(kind, inspect.UnionType):
        return next((found for each in kind.types if (found := _words(each, path))), [])
    if isinstance(kind, inspect.LiteralType):
        return [str(each) for each in kind.values] if not path else []
    if isinstance(kind, inspect.StructType) and path:
        inside = [each.type for each in kind.fields if each.encode_name == path[0]]
        return _words(inside[0], path[1:]) if inside else []
    if isinstance(kind, inspect.ListType | inspect.VarTupleType) and path:
        return _words(kind.item_type, path[1:])
    return []


def _kinds(text: str) -> str:
    return " or ".join(_KINDS.get(each, each) for each in text.split(" | "))


def _at(given: object, path: str) -> Scalar:
    for part in path.replace("[", ".[").split("."):
        if isinstance(given, Mapping):
            given = given.get(part)
        elif isinstance(given, list) and part[1:-1].isdigit():
            given = given[int(part[1:-1])]
        else:
            return None
    return given if isinstance(given, str | int | float | bool) else None
