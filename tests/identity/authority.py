"""An authority of the test's own: it issues STIR certificates and signs tokens."""

from __future__ import annotations

import datetime
from base64 import urlsafe_b64encode
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

from trunkline.identity.chain import TN_AUTH_LIST

WALL = 1_700_000_000.0
URL = "https://certificates.example.org/passport.pem"
SPC = b"\x30\x08\xa0\x06\x16\x041234"
"""A TNAuthList of one service provider code, `1234`."""


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate that issues others, made by `issuer` or by itself."""

    def __init__(self, text: str = "STI-PA root", issuer: Authority | None = None, **bend: Any) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.issuer = issuer
        self.certificate = self._certificate(text, issuer, bend)

    def _certificate(self, text: str, issuer: Authority | None, bend: dict[str, Any]) -> x509.Certificate:
        by = issuer.certificate.subject if issuer is not None else name(text)
        since, until = bend.get("since", WALL - 86_400), bend.get("until", WALL + 86_400)
        public = bend.get("public") or self.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(text))
            .issuer_name(by)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime.fromtimestamp(since, datetime.UTC))
            .not_valid_after(datetime.datetime.fromtimestamp(until, datetime.UTC))
            .add_extension(x509.BasicConstraints(bend.get("ca", True), bend.get("path")), critical=True)
        )
        if bend.get("list"):
            builder = builder.add_extension(x509.UnrecognizedExtension(TN_AUTH_LIST, bend["list"]), critical=False)
        if "signs" in bend:
            usage = dict.fromkeys(
                ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign",
                 "encipher_only", "decipher_only"), False,
            )  # fmt: skip
            builder = builder.add_extension(
                x509.KeyUsage(digital_signature=bend["signs"], key_cert_sign=bend.get("ca", True), **usage), True
            )
        return builder.sign((issuer or self).key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def signer(self, text: str = "SHAKEN 1234", **bend: Any) -> Authority:
        """One that speaks for numbers."""
        return Authority(text, self, **{"ca": False, "list": SPC, "signs": True, **bend})

    def chain(self) -> bytes:
        """Its certificate, and those above it but for the root's."""
        return self.pem + (self.issuer.chain() if self.issuer is not None and self.issuer.issuer is not None else b"")

    def sign(self, signed: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else msgspec.json.encode(part)
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changed: Any) -> dict[str, Any]:
    return {
        "attest": "A",
        "dest": {"tn": ["12025550100"]},
        "iat": int(WALL),
        "orig": {"tn": "14155550111"},
        "origid": "123e4567-e89b-12d3-a456-426655440000",
        **changed,
    }


def header(**changed: Any) -> dict[str, Any]:
    return {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL, **changed}


def identity(
    signer: Authority, said: dict[str, Any] | None = None, head: dict[str, Any] | None = None, tail: str = ""
) -> str:
    """The value of an Identity header."""
    head = header() if head is None else head
    signed = f"{encoded(head)}.{encoded(claims() if said is None else said)}"
    kind = f";ppt={head['ppt']}" if "ppt" in head else ""
    return f"{signed}.{encoded(signer.sign(signed.encode()))};info=<{head.get('x5u', URL)}>;alg=ES256{kind}{tail}"
