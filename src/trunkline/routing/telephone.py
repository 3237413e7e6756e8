"""Telephone numbers as SIP carries them, read into E.164.

A number arrives as `+14155550100`, `0044…`, `01144…`, `(415) 555-0100`, `tel:+1-415-555-0100`, or with RFC 3966 and
RFC 4904 parameters inside the user part. One form is compared and stored: `+` and 7 to 15 digits, the first not 0. It
is a shape, not a claim that the number exists: test and example numbers have it too.

What is written with `+` is taken at its word. Anything else needs rules of a country's dial plan, which the
phonenumbers library knows; it is imported on first use and its answers are kept, because a carrier sends the same few
numbers again and again. Short codes and extensions are not numbers and stay as they are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from trunkline.sip.address import AddressError, parse_address
from trunkline.sip.uri import UriError, parse_uri

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""The canonical shape, to be matched in full."""

LONGEST: Final = 64
"""Characters of a user part that are looked at; no number is longer, whatever separators it has."""

_PLAIN: Final = re.compile(r"[sS][iI][pP][sS]?:(\+[1-9][0-9]{6,14})@")
_ENCLOSED: Final = re.compile(r'(?:[^"<]*|"[^"\\<]*"\s*)<[sS][iI][pP][sS]?:(\+[1-9][0-9]{6,14})@')
_SEPARATORS: Final = str.maketrans("", "", "-.() /\t\u00a0\u2010\u2011\u2012\u2013")
_DIGITS: Final = re.compile(r"\+?[0-9]+")
_TRUNK_PREFIX: Final = re.compile(r"\(\s*0\s*\)")
_WITHHELD: Final = frozenset({"anonymous", "restricted", "unavailable", "unknown", "private", "withheld"})


class Party(NamedTuple):
    """Whom a URI names, as far as telephony is concerned."""

    user: str
    """The user part or the telephone number, unescaped and without its own parameters; empty when there is none."""
    host: str = ""
    """Lower case; empty in a tel URI."""
    context: str | None = None
    """`phone-context` (RFC 3966 §5.1.5): what a number without `+` is local to."""

    @property
    def anonymous(self) -> bool:
        """Whether the caller withheld the number (RFC 3261 §8.1.1.3, RFC 3323 §4.1)."""
        return self.host == "anonymous.invalid" or self.user.lower() in _WITHHELD

    def number(self, country: str | None) -> str | None:
        """Its E.164 form, read as somebody in `country` (ISO 3166 alpha-2) dials; None when it is no number."""
        if self.context is not None and len(self.context) <= LONGEST and not self.user.startswith("+"):
            context = self.context.translate(_SEPARATORS)
            if _DIGITS.fullmatch(context) and context[0] == "+":
                return _national(context + self.user.translate(_SEPARATORS)[:LONGEST], country)
        return canonical(self.user, country)


def plain(uri: str) -> str | None:
    """The number of a URI that is written the usual way, `sip:+14155550100@…`; None sends you to `party`."""
    match = _PLAIN.match(uri)
    return match[1] if match else None


def plain_address(value: str) -> str | None:
    """The number of a From, To or P-Asserted-Identity value that is written the usual way, `… <sip:+14155550100@…>`."""
    match = _ENCLOSED.match(value)
    return match[1] if match else None


def party(uri: str) -> Party | None:
    """Read a sip, sips or tel URI. None when it is none of them, or malformed."""
    try:
        parsed = parse_uri(uri)
    except UriError:
        return None
    if parsed.rest:
        return None
    return Party(parsed.subscriber, parsed.host.lower(), parsed.user_param("phone-context"))


def party_of_address(value: str) -> Party | None:
    """The same for a From, To or P-Asserted-Identity value. None when it is malformed."""
    try:
        return party(parse_address(value).uri)
    except AddressError:
        return None


def canonical(text: str, country: str | None = None) -> str | None:
    """E.164 of a number as people and peers write it; None when it is none.

    `country` (ISO 3166 alpha-2) says how a number without `+` is dialled. Without it, `00` and `011` count as
    international prefixes, and bare digits are taken only when they are a full number of some country's plan.
    """
    if E164.fullmatch(text):
        return text
    text = text.strip()
    if not text or len(text) > LONGEST:
        return None
    text = _TRUNK_PREFIX.sub("", text) if text[0] == "+" else text
    digits = text.translate(_SEPARATORS)
    if not _DIGITS.fullmatch(digits):
        return None
    if digits[0] == "+":
        return digits if E164.fullmatch(digits) else None
    return _national(digits, country.upper() if country else None)


def with_plus(text: str) -> str | None:
    """The number meant by a peer that leaves the `+` out: to be believed only when it is one of ours."""
    digits = "+" + text.translate(_SEPARATORS)
    return digits if E164.fullmatch(digits) else None


def warm(country: str) -> None:
    """Load the dial plan of a country, which reads files, before a call needs it."""
    _national("0", country.upper())


@lru_cache(maxsize=8192)
def _national(digits: str, country: str | None) -> str | None:
    import phonenumbers  # 25 ms or more, which a process without national numbers never pays

    readings = [(digits, country)] if country or digits[0] == "+" else []
    readings += [("+" + digits[len(prefix) :], None) for prefix in ("00", "011") if digits.startswith(prefix)]
    for text, region in readings:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        read = f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
        if E164.fullmatch(read) and (text[0] == "+" or _complete(number)):
            return read
    if not readings:
        read = "+" + digits
        if len(digits) > 10 and E164.fullmatch(read):
            try:
                return read if phonenumbers.is_valid_number(phonenumbers.parse(read)) else None
            except phonenumbers.NumberParseException:
                return None
    return None


def _complete(number: PhoneNumber) -> bool:
    """Whether it is a subscriber's whole number. A PBX's extensions are of possible length in countries with short
    numbers, so that length alone convinces only from nine digits on."""
    import phonenumbers

    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    return possible and (
        len(phonenumbers.national_significant_number(number)) >= 9 or phonenumbers.is_valid_number(number)
    )
