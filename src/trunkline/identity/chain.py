"""The certificates a token stands on (RFC 8226, RFC 5280 §6): from the one that signed to one that we trust.

The libraries' own verifiers are about servers and their names; a STIR certificate has no name, it has a list of the
numbers and the carriers it may speak for. So the path is followed here, with the checks that bear on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ObjectIdentifier

from trunkline.identity.passport import Flaw

E = TypeVar("E")

TN_AUTH_LIST: Final = ObjectIdentifier("1.3.6.1.5.5.7.1.26")
"""id-pe-TNAuthList (RFC 8226 §9)."""
_LONGEST: Final = 6
"""Certificates from the signer's to an anchor."""
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class Standing(NamedTuple):
    """A signer's certificate that leads to an anchor."""

    key: ec.EllipticCurvePublicKey
    since: float
    until: float
    """Unix seconds, of the shortest-lived certificate of the path."""


def certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """What a PEM text holds; or the one that it is itself, in DER. Raises ValueError when it is neither."""
    try:
        if not pem.lstrip().startswith(b"-----BEGIN") and pem[:1] == b"\x30":
            return (x509.load_der_x509_certificate(pem),)
        return tuple(x509.load_pem_x509_certificates(pem))
    except _UNREADABLE as error:
        raise ValueError(str(error)) from None


def standing(pem: bytes, anchors: Sequence[x509.Certificate]) -> Standing | Flaw:
    """Where the first certificate of `pem` leads, by the others and the anchors. The times are for the caller to hold
    against the clock."""
    try:
        found = certificates(pem)[:_LONGEST]
        return _path(found, anchors)
    except (ValueError, *_UNREADABLE):
        return Flaw(437, "its certificate cannot be read")


def _path(found: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> Standing | Flaw:
    signer = found[0]
    key = signer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return Flaw(437, "its certificate's key is not of the curve P-256")
    if not any(each.oid == TN_AUTH_LIST for each in signer.extensions):
        return Flaw(437, "its certificate does not say which numbers it speaks for")
    if signer in anchors:
        return Standing(key, signer.not_valid_before_utc.timestamp(), signer.not_valid_after_utc.timestamp())
    usage = _extension(signer, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        return Flaw(437, "its certificate is not for signing")
    since, until = signer.not_valid_before_utc.timestamp(), signer.not_valid_after_utc.timestamp()
    current = signer
    for below in range(_LONGEST):
        anchor = next((each for each in anchors if _issued(current, each, below)), None)
        issuer = anchor or next((each for each in found[1:] if each != current and _issued(current, each, below)), None)
        if issuer is None:
            return Flaw(437, "nobody that is trusted issued its certificate")
        since = max(since, issuer.not_valid_before_utc.timestamp())
        until = min(until, issuer.not_valid_after_utc.timestamp())
        if anchor is not None:
            return Standing(key, since, until)
        current = issuer
    return Flaw(437, "its certificate is too far from one that is trusted")


def _issued(subject: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    """Whether `issuer` is an authority that issued `subject`, with `below` authorities beneath it already."""
    if subject.issuer != issuer.subject:
        return False
    basic = _extension(issuer, x509.BasicConstraints)
    if basic is None or not basic.ca or (basic.path_length is not None and basic.path_length < below):
        return False
    usage = _extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return False
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    for each in certificate.extensions:
        if isinstance(each.value, kind):
            return each.value
    return None
