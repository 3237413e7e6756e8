"""What may go wrong while the transports are opened or reloaded, said to the operator. Traffic raises none of these."""

from __future__ import annotations

import os
import ssl


class TransportError(Exception):
    """The parent of the errors of this room. Its text is one sentence for the operator."""


class ListenError(TransportError):
    """A listener cannot be opened as it is configured."""


class CertificateError(TransportError):
    """A certificate, its key or a CA bundle cannot be used."""


def in_words(error: OSError) -> str:
    """What the system says of it, in lower case. asyncio writes texts of its own over the system's."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    if isinstance(error, ConnectionResetError):
        return "connection reset by peer"
    return (error.strerror or str(error) or type(error).__name__).lower()
