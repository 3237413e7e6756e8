"""What may go wrong while the transports are opened or reloaded, said to the operator. Traffic raises none of these."""

from __future__ import annotations


class TransportError(Exception):
    """The parent of the errors of this room. Its text is one sentence for the operator."""


class ListenError(TransportError):
    """A listener cannot be opened as it is configured."""


class CertificateError(TransportError):
    """A certificate, its key or a CA bundle cannot be used."""
