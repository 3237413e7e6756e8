"""Whether somebody we trust vouches for a call (RFC 8224 §6.2): the token against its certificate, the clock, and the
numbers of the request.

What comes of it is told in the words that networks use among themselves, `verstat` (ATIS-1000082, 3GPP TS 24.229
§7.2A.20). Checking a signature takes a tenth of a millisecond; the way from a certificate to an anchor is remembered.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from trunkline.identity.chain import Standing, standing
from trunkline.identity.passport import Flaw, Passport

Verstat = Literal[
    "TN-Validation-Passed-A",
    "TN-Validation-Passed-B",
    "TN-Validation-Passed-C",
    "TN-Validation-Passed",
    "TN-Validation-Failed",
    "No-TN-Validation",
]
FRESH: Final = 60.0
"""Seconds that a token may be old, or early (RFC 8224 §6.2.1 step 4)."""
_REMEMBERED: Final = 512
_PASSED: Final[dict[str, Verstat]] = {
    "A": "TN-Validation-Passed-A",
    "B": "TN-Validation-Passed-B",
    "C": "TN-Validation-Passed-C",
}


class Judgement(NamedTuple):
    """What is known of a caller's number."""

    verstat: Verstat
    attestation: str = ""
    """`A`, `B` or `C`, only of a token that stands."""
    status: int = 0
    """What the call is refused with where an identity is required; 0 when it stands."""
    reason: str = ""
    """What is wrong, for people."""


def flawed(flaw: Flaw) -> Judgement:
    """A token that does not stand. One whose certificate cannot be had was not held against anything."""
    verstat: Verstat = "No-TN-Validation" if flaw.status in (428, 436) else "TN-Validation-Failed"
    return Judgement(verstat, "", flaw.status, flaw.reason)


def passed(passport: Passport) -> Judgement:
    """The caller's own token, which stands."""
    return Judgement(_PASSED.get(passport.attestation, "TN-Validation-Passed"), passport.attestation)


NONE: Final = Judgement("No-TN-Validation", "", 428, "the call bears no Identity header of a kind that is known here")
UNTRUSTING: Final = Judgement("No-TN-Validation", "", 437, "identity.trust_store names no certificate to trust")


class Verifier:
    """One edge's trust in certificates. All times are Unix seconds."""

    __slots__ = ("_anchors", "_known", "timeout")

    def __init__(self, anchors: Sequence[x509.Certificate] = (), timeout: float = 2.0) -> None:
        """`anchors`: whom we trust. `timeout`: seconds that a call waits for a certificate."""
        self._anchors = tuple(anchors)
        self._known: dict[bytes, Standing | Flaw] = {}
        self.timeout = timeout

    def __len__(self) -> int:
        """Certificates whose way to an anchor is remembered."""
        return len(self._known)

    @property
    def trusts(self) -> bool:
        return bool(self._anchors)

    def trust(self, anchors: Sequence[x509.Certificate], timeout: float) -> None:
        """Trust these from now on."""
        self._anchors = tuple(anchors)
        self.timeout = timeout
        self._known.clear()

    def judge(
        self, passport: Passport, pem: bytes, wall: float, origins: Collection[str], destinations: Collection[str]
    ) -> Judgement:
        """Whether the token stands on the certificate, and is about this call: who calls is one of `origins`, who is
        called one of `destinations`, digits alone."""
        flaw = about(passport, wall, origins, destinations) or self.doubt(passport, pem, wall)
        return flawed(flaw) if flaw is not None else passed(passport)

    def doubt(self, passport: Passport, pem: bytes, wall: float) -> Flaw | None:
        """What is wrong with the token's signature, or with the certificate that it stands on."""
        known = self._standing(pem)
        if isinstance(known, Flaw):
            return known
        if not known.since <= wall <= known.until:
            return Flaw(437, "its certificate, or one above it, is not valid now")
        half = len(passport.signature) // 2
        r, s = int.from_bytes(passport.signature[:half], "big"), int.from_bytes(passport.signature[half:], "big")
        try:
            known.key.verify(utils.encode_dss_signature(r, s), passport.signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return Flaw(438, "the signature is not the certificate's")
        return None

    def _standing(self, pem: bytes) -> Standing | Flaw:
        known = self._known.get(pem)
        if known is None:
            known = standing(pem, self._anchors)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[pem] = known
        return known


def about(passport: Passport, wall: float, origins: Collection[str], destinations: Collection[str]) -> Flaw | None:
    """What is wrong before any certificate is asked for: too old, or about another call."""
    if abs(wall - passport.issued_at) > FRESH:
        return Flaw(403, "the token is not fresh")
    if not passport.origin or passport.origin not in origins:
        return Flaw(438, "the token is about another caller")
    if not any(number in destinations for number in passport.destinations):
        return Flaw(438, "the token is about another number called")
    return None
