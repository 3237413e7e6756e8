"""Digest authentication, both sides (RFC 7616, RFC 8760; RFC 3261 §22).

Ours to compute: SHA-512-256, SHA-256 and MD5, each also as `-sess`, with qop `auth`, `auth-int`, or none (RFC 2069,
which older carriers still speak). Ours to ask for: SHA-256 first, then MD5, with qop `auth` (RFC 8760 §2.3 puts the
preferred first).

The digest-uri is part of what is hashed, so it cannot be forged, but it need not be the Request-URI word for word:
proxies between us and the client retarget, and change host, port and number format. `consistent` therefore asks only
that both name the same user, so that credentials seen for one number do not open another.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from trunkline.sip.challenge import Challenge, ChallengeError, Credentials, parse_challenge
from trunkline.sip.uri import UriError, parse_uri

OFFERED: Final = ("SHA-256", "MD5")
"""The algorithms our challenges name, in order of preference."""

AUTHORIZATION: Final = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}
"""The header that answers each challenge header."""
ANSWERS: Final = frozenset(AUTHORIZATION.values())


class Verdict(Enum):
    VERIFIED = "verified"
    STALE = "stale"
    """The client knows the password but used a nonce that is too old, or not ours: ask again with `stale`."""
    WRONG = "wrong"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


_HASHES: Final[dict[str, tuple[int, Callable[[bytes], str]]]] = {
    "": (1, _md5),
    "MD5": (1, _md5),
    "SHA-256": (2, _sha256),
}
if "sha512_256" in hashlib.algorithms_available:
    _HASHES["SHA-512-256"] = (3, _sha512_256)


def supported(algorithm: str) -> bool:
    """Whether we can compute `algorithm` (in any case; empty is MD5)."""
    return algorithm.upper().removesuffix("-SESS") in _HASHES


def response(credentials: Credentials, method: str, password: str, body: bytes = b"") -> str:
    """The response that belongs in `credentials` (its own is not looked at). Its algorithm must be supported."""
    algorithm = credentials.algorithm.upper()
    plain = algorithm.removesuffix("-SESS")
    _, digest = _HASHES[plain]
    a1 = _join(credentials.username, credentials.realm, password)
    if plain != algorithm:
        a1 = _join(digest(a1), credentials.nonce, credentials.cnonce)
    a2 = _join(method, credentials.uri)
    if credentials.qop == "auth-int":
        a2 = _join(method, credentials.uri, digest(body))
    if not credentials.qop:
        return digest(_join(digest(a1), credentials.nonce, digest(a2)))
    return digest(_join(digest(a1), credentials.nonce, credentials.nc, credentials.cnonce, credentials.qop, digest(a2)))


def _join(*parts: str) -> bytes:
    return ":".join(parts).encode("utf-8", "surrogateescape")


# --------------------------------------------------------------------------------------------------------- the client


def choose(values: Iterable[str], realm: str | None = None) -> Challenge | None:
    """The strongest of the challenges that we can answer, the topmost of equals; with `realm`, only of that realm."""
    best: Challenge | None = None
    strength = 0
    for value in values:
        try:
            challenge = parse_challenge(value)
        except ChallengeError:
            continue
        if realm is not None and challenge.realm != realm:
            continue
        if challenge.qop and "auth" not in challenge.qop and "auth-int" not in challenge.qop:
            continue
        rank, _ = _HASHES.get(challenge.algorithm.upper().removesuffix("-SESS"), (0, None))
        if rank > strength:
            best, strength = challenge, rank
    return best


def answer(
    challenges: Iterable[str],
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str,
    nc: int = 1,
    realm: str | None = None,
    body: bytes = b"",
) -> str | None:
    """The Authorization value that answers the best of `challenges`, or None when there is none we can answer.

    `uri` is the Request-URI as it is sent. `nc` counts the requests sent with the challenge's nonce, this one
    included; `cnonce` is fresh chance of ours, and needs no more than letters and digits.
    """
    challenge = choose(challenges, realm)
    if challenge is None:
        return None
    qop = ""
    if challenge.qop:
        qop = "auth" if "auth" in challenge.qop else "auth-int"
    credentials = Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        qop=qop,
        cnonce=cnonce if qop or challenge.algorithm.upper().endswith("-SESS") else "",
        nc=f"{nc:08x}" if qop else "",
        opaque=challenge.opaque,
    )
    return str(credentials._replace(response=response(credentials, method, password, body)))


# --------------------------------------------------------------------------------------------------------- the server


def challenge(realm: str, nonce: str, stale: bool = False, algorithms: Iterable[str] = OFFERED) -> list[str]:
    """The WWW-Authenticate or Proxy-Authenticate values that ask for credentials, a header line each."""
    return [str(Challenge(realm, nonce, algorithm, ("auth",), None, stale)) for algorithm in algorithms]


def verify(
    credentials: Credentials, method: str, request_uri: str, realm: str, password: str, fresh: bool, body: bytes = b""
) -> Verdict:
    """Whether `credentials` prove that their sender knows `password`.

    `fresh` says whether the nonce is one of ours and in time; a right response with any other is STALE, never
    VERIFIED. A user that does not exist takes the same time when it is verified against any password.
    """
    if credentials.realm != realm or not supported(credentials.algorithm):
        return Verdict.WRONG
    if credentials.qop not in {"", "auth", "auth-int"}:
        return Verdict.WRONG
    expected = response(credentials, method, password, body)
    if not hmac.compare_digest(expected.encode(), credentials.response.encode("utf-8", "surrogateescape")):
        return Verdict.WRONG
    if not consistent(credentials.uri, request_uri):
        return Verdict.WRONG
    return Verdict.VERIFIED if fresh else Verdict.STALE


def consistent(digest_uri: str, request_uri: str) -> bool:
    """Whether credentials computed for `digest_uri` may stand for `request_uri`: the same user, where they name one.

    Hosts, ports and parameters are not compared. Numbers may differ by a prefix (`+`, country or trunk code) that a
    gateway in between added or removed, when at least seven digits agree.
    """
    if digest_uri == request_uri:
        return True
    try:
        asked, target = parse_uri(digest_uri).subscriber, parse_uri(request_uri).subscriber
    except UriError:
        return False
    if not asked or asked == target:
        return True
    short, long = sorted((_number(asked), _number(target)), key=len)
    return len(short) >= 7 and long.endswith(short)


def _number(user: str) -> str:
    digits = user.translate(_SEPARATORS)
    return digits.removeprefix("+") if digits.removeprefix("+").isdecimal() else ""


_SEPARATORS: Final = str.maketrans("", "", "-.() ")
