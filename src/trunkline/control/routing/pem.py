"""PEM as an operator gives it for a trunk.

It is read when it is written, so that a slip of the hand is not found out by the next call that fails to connect.
"""

from __future__ import annotations

from trunkline.control.errors import Invalid
from trunkline.control.fields import refuse
from trunkline.model.secret import Secret

_LONGEST = 200_000


def certificates(text: str, field: str) -> str:
    """One or more certificates. Raises `Invalid`."""
    from cryptography import x509  # 30 ms that only a trunk with certificates of its own pays

    try:
        if len(text) > _LONGEST:
            raise ValueError
        x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        refuse(field, "This must be certificates in PEM.")
    return text


def private_key(secret: Secret, field: str) -> Secret:
    """A private key without a passphrase. Raises `Invalid`."""
    _loaded(secret, field)
    return secret


def pair(certificate: str, key: Secret, field: str) -> None:
    """Raises `Invalid` when the key is not that of the first certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    shown = x509.load_pem_x509_certificates(certificate.encode())[0].public_key()
    held = _loaded(key, field)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if shown.public_bytes(*form) != held.public_key().public_bytes(*form):  # type: ignore[attr-defined]
        raise Invalid("invalid_credentials", "The private key is not the certificate's.", field=field)


def _loaded(secret: Secret, field: str) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(secret.reveal().encode(), None)
    except (ValueError, TypeError):
        message = "This must be a private key in PEM, without a passphrase."
        raise Invalid("invalid_credentials", message, field=field) from None
