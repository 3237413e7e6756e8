"""The values of From, To, Contact, Route and their like: `"Name" <uri>;params` (RFC 3261 §20.10, §25.1).

Without angle brackets every parameter is the header's, and a URI with `?` or `,` is refused (§20): guessing where it
ends would give a peer two readings of one value. A display name without quotes may hold more than tokens, because
phones send accents and parentheses; it is written back in quotes. A comma in it is refused: commas separate values.
Text beside a quoted name is taken as more of it: phones put quotes around names that have some.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from trunkline.sip.grammar import GrammarError, Params, format_params, parse_params, quote, quoted_end, unquote
from trunkline.sip.grammar import param as find_param
from trunkline.sip.uri import Uri, parse_uri


class AddressError(GrammarError):
    """The value is neither a name-addr nor an addr-spec."""


_DISPLAY: Final = re.compile(r'[^\x00-\x08\x0a-\x1f\x7f",;<>\\]*+').fullmatch
_PLAIN_DISPLAY: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++(?: [A-Za-z0-9\-.!%*_+`'~]++)*").fullmatch
_URI: Final = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*+:[^\x00-\x20\x7f"<>]++').fullmatch
_BARE: Final = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*+:[^\x00-\x20\x7f"<>,?;]++').fullmatch
_TAG: Final = re.compile(r";[ \t]*[tT][aA][gG][ \t]*(?:=[ \t]*([^; \t]*)|(?=;)|$)")


_MOST_QUOTED: Final = 8
"""Quoted strings in one display name."""


class Address(NamedTuple):
    display: str
    """The display name without quotes; empty for none."""
    uri: str
    """As written, `*` for the Contact that stands for all. Not yet parsed: see `parsed`."""
    params: Params = ()

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        display = self.display
        if not display:
            return f"<{self.uri}>{format_params(self.params)}"
        name = display if _PLAIN_DISPLAY(display) else quote(display)
        return f"{name} <{self.uri}>{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        """The value of the header parameter `name` (lower case), unquoted; "" when it has none, None when absent."""
        return find_param(self.params, name)

    @property
    def tag(self) -> str | None:
        return find_param(self.params, "tag") or None

    @property
    def parsed(self) -> Uri:
        """The URI in its parts. Raises UriError."""
        return parse_uri(self.uri)


def parse_address(text: str) -> Address:
    """One value, no comma list: see `grammar.split_commas`. Raises AddressError."""
    text = text.strip(" \t")
    display = ""
    if text[:1] == '"':
        end = quoted_end(text)
        if end < 0:
            raise AddressError("a quoted display name has no end")
        bracket = _opening(text, end)
        if bracket < 0:
            raise AddressError("no URI in angle brackets after the display name")
        rest = text[end:bracket].strip(" \t")
        display = unquote(text[:end]) + rest.replace('"', "") if rest else unquote(text[:end])
    else:
        bracket = text.find("<")
        if bracket < 0 or 0 <= text.find(";") < bracket:
            # The bracket is in the value of a parameter: no display name without quotes has a semicolon.
            return _addr_spec(text)
        if bracket:
            display = text[:bracket].strip(" \t")
            if _DISPLAY(display) is None:
                raise AddressError("a display name with such characters needs quotes")
    close = text.find(">", bracket)
    if close < 0:
        raise AddressError("an angle bracket is not closed")
    uri = text[bracket + 1 : close]
    if _URI(uri) is None:
        raise AddressError("no URI between the angle brackets")
    return Address(display, uri, _params(text[close + 1 :]))


def _opening(text: str, at: int) -> int:
    """Where the angle bracket stands that ends a display name, from `at` on behind a quoted string of it; -1: nowhere,
    or behind what is in no name."""
    bracket = -1
    for _ in range(_MOST_QUOTED):
        if bracket < at:
            bracket = text.find("<", at)
        quotation = text.find('"', at)
        stop = bracket if quotation < 0 or bracket < quotation else quotation
        if bracket < 0 or _DISPLAY(text[at:stop]) is None:
            return -1
        if stop == bracket:
            return bracket
        at = quoted_end(text, stop)
        if at < 0:
            return -1
    return -1


def _addr_spec(text: str) -> Address:
    if text == "*":
        return Address("", "*")
    semicolon = text.find(";")
    uri = text if semicolon < 0 else text[:semicolon].rstrip(" \t")
    if _BARE(uri) is None:
        raise AddressError("not a URI, or one that needs angle brackets")
    return Address("", uri, _params(text[semicolon:]) if semicolon >= 0 else ())


def _params(text: str) -> Params:
    try:
        return parse_params(text)
    except GrammarError as error:
        raise AddressError(str(error)) from None


def tag_of(value: str) -> str | None:
    """The tag of a From or To value without parsing the rest, as `parse_address(value).tag` where that succeeds; None
    when there is none."""
    start = value.rfind(";tag=")
    if start > 0 and value[start - 1] == ">" and value.find(">", start) < 0 and value.find('"', start) < 0:
        # Nothing that could enclose it follows, and no other parameter of the header goes before it.
        end = value.find(";", start + 5)
        return (value[start + 5 :] if end < 0 else value[start + 5 : end]).strip(" \t") or None
    if '"' in value:
        return _quoted_tag(value)
    match = _TAG.search(value, value.find(">") + 1)
    return match[1] or None if match else None


def _quoted_tag(value: str) -> str | None:
    params = ""
    if value[:1] == '"':
        end = quoted_end(value)
        bracket = _opening(value, end) if end >= 0 else -1
    else:
        bracket, semicolon = value.find("<"), value.find(";")
        if semicolon >= 0 and (bracket < 0 or semicolon < bracket):
            bracket, params = -1, value[semicolon:]
    if bracket >= 0 and ">" in value[bracket:]:
        params = value[value.find(">", bracket) + 1 :]
    try:
        return find_param(parse_params(params.strip(" \t")), "tag") or None
    except GrammarError:
        return None
