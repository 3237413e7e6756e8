"""Take the secrets out of text that people will read: messages in a trace, lines in a log.

Of a digest (RFC 7616) the response is hidden, because who has it can guess the password at leisure; the user, the realm
and the nonce stay, because who looks for a wrong password needs them. Of any other scheme everything is hidden.
"""

from __future__ import annotations

import re

HIDDEN = "•••"

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|$)")
_AUTHORIZATION = re.compile(r"((?:proxy-)?(?:authorization|authentication-info)[ \t]*:[ \t]*)(\S*)(.*)", re.IGNORECASE)
_DIGEST_SECRET = re.compile(r'\b(response|rspauth|cnonce)([ \t]*=[ \t]*)("[^"]*"?|[^\s,]*)', re.IGNORECASE)
_PRIVATE_HEADER = re.compile(
    r"([\w-]{0,64}(?:(?<![a-z0-9])pin(?![a-z0-9])|passw|secret|token|api[-_]?key|credential)"
    r"[\w-]{0,64}[ \t]*:[ \t]*).+",
    re.IGNORECASE,
)
_KEY_LINE = re.compile(
    r"(a=crypto:\S+[ \t]+\S+[ \t]+inline:|a=ice-pwd:|a=key-mgmt:\S+[ \t]+|k=[^:\s]+:)\S.*", re.IGNORECASE
)
_SIGNAL = re.compile(r"(signal[ \t]*=[ \t]*)\S.*", re.IGNORECASE)
"""A key pressed, in the body of an INFO: it may be a digit of a PIN."""
_URI_PASSWORD = re.compile(r"(\bsips?:[^\s@:;<>]{0,256}:)[^\s@<>]{0,256}(?=@)", re.IGNORECASE)
_PARAMETER = re.compile(r"([;?&](?:inbound_)?(?:pin|password|passwd|secret|token|api_?key)=)[^;>&\s\"]+", re.IGNORECASE)

_LOG_HEADER = re.compile(r"((?:proxy-)?authorization['\"]?[ \t]*[:=][ \t]*)[^\r\n]*", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer[ \t]+)[^\s'\",;]+", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"\b((?:x-)?(?:api[-_]?key|password|passwd|secret|token|inbound_pin)['\"]?[ \t]*[:=][ \t]*)"
    r"(\"[^\"]*\"|'[^']*'|['\"]?[^\s,;&'\"}]+)",
    re.IGNORECASE,
)
_API_KEY = re.compile(r"\b([a-z][a-z0-9]{0,31}_(?:live|test)_)[A-Za-z0-9]{8,}", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^\s/:@]{0,256}:)[^\s/@]{1,256}(?=@)")
_CREDENTIALS = (
    (_LOG_HEADER, ("authorization",)),
    (_BEARER, ("bearer",)),
    (_ASSIGNED, ("api", "passw", "secret", "token", "inbound_pin")),
    (_API_KEY, ("_live_", "_test_")),
    (_URL_PASSWORD, ("://",)),
    (_URI_PASSWORD, ("sip:", "sips:")),
)
"""What is hidden in a log line, and words of which one is in every text that the pattern finds something in."""


def of_message(data: bytes) -> str:
    """A SIP message as text, without its secrets. Bytes that are no UTF-8 are written as `\\xNN`."""
    shown: list[str] = []
    hidden = False
    for text, end in _LINE.findall(data.decode("utf-8", "backslashreplace")):
        if hidden and text[:1] in (" ", "\t"):
            # A continuation of a header whose value is hidden (RFC 3261 §7.3.1).
            line = f" {HIDDEN}"
        else:
            line, hidden = _line(text)
        shown.append(line + end)
    return "".join(shown)


def _line(text: str) -> tuple[str, bool]:
    """The line as it is shown, and whether its continuations are hidden."""
    if match := _AUTHORIZATION.match(text):
        if match[2].lower() == "digest":
            return match[1] + match[2] + _DIGEST_SECRET.sub(rf'\1\2"{HIDDEN}"', match[3]), True
        return match[1] + HIDDEN, True
    for pattern in (_KEY_LINE, _SIGNAL, _PRIVATE_HEADER):
        if match := pattern.match(text):
            return match[1] + HIDDEN, True
    return _PARAMETER.sub(rf"\1{HIDDEN}", _URI_PASSWORD.sub(rf"\1{HIDDEN}", text)), False


def of_log(text: str) -> str:
    """A log line, or many, without what looks like a credential."""
    # Most lines have none of these words, and to look for a word takes a hundredth of what a pattern does. Other
    # letters may be read as those of ASCII, so other texts meet every pattern.
    lower = text.lower() if text.isascii() else None
    for pattern, words in _CREDENTIALS:
        if lower is None or any(word in lower for word in words):
            text = pattern.sub(rf"\1{HIDDEN}", text)
    return text
