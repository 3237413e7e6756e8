"""A SIP message as it may be shown: what proves identity, or opens media, is taken out.

Digest responses can be tried against a dictionary, SDP's SRTP keys open the recording of a call; neither leaves here.
The rest of the message stays as it was, byte for byte.
"""

from __future__ import annotations

import re

_HEADERS = re.compile(
    r"^((?:Proxy-)?Authorization|(?:Proxy-)?Authentication-Info)([ \t]*:[ \t]*)(.*(?:\r?\n[ \t].*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_PROOFS = re.compile(r"\b(response|rspauth|cnonce|opaque)([ \t]*=[ \t]*)(\"[^\"]*\"|[^,\s]+)", re.IGNORECASE)
_KEYS = re.compile(r"^(a=crypto:\S+[ \t]+\S+[ \t]+inline:)\S+", re.IGNORECASE | re.MULTILINE)
_KEY_MANAGEMENT = re.compile(r"^(a=key-mgmt:\S+[ \t]+|k=\S+?:|a=ice-pwd:)\S+", re.IGNORECASE | re.MULTILINE)
_URI_PASSWORD = re.compile(r"\b(sips?:[^\s:@<>\"]{1,256}):[^\s@<>\"]{1,256}@", re.IGNORECASE)
HIDDEN = "[hidden]"


def hide(text: str) -> str:
    """The message without credentials. Time and memory are linear in its size."""
    text = _HEADERS.sub(_header, text)
    text = _KEYS.sub(rf"\1{HIDDEN}", text)
    text = _KEY_MANAGEMENT.sub(rf"\1{HIDDEN}", text)
    return _URI_PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def _header(match: re.Match[str]) -> str:
    name, colon, value = match.groups()
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "digest" and "authorization" in name.lower():
        # Basic or a bearer token: all of it is the secret.
        return f"{name}{colon}{scheme} {HIDDEN}" if rest else f"{name}{colon}{HIDDEN}"
    return f"{name}{colon}{_PROOFS.sub(_proof, value)}"


def _proof(match: re.Match[str]) -> str:
    return f'{match[1]}{match[2]}"{HIDDEN}"'
