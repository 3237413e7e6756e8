"""TLS for SIP (RFC 3261 §26.3, RFC 5922): contexts for our listeners and for each way of meeting a peer.

We verify by default, from TLS 1.2 on. The identity that a peer must prove is the domain that was asked for, not the
host that DNS led to (RFC 5922 §4), unless the trunk names another.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509

from trunkline.model.trunk import TlsProfile
from trunkline.transport.errors import CertificateError, in_words


class ServerCertificate:
    """A listener's certificate. New connections take `context`; `reload` reads the files again."""

    __slots__ = ("_certificate", "_asks", "_client_ca", "_private_key", "context", "expires_at")

    def __init__(
        self, certificate: str, private_key: str | None = None, client_ca: str | None = None, *, asks: bool = False
    ) -> None:
        """From paths of PEM files. `asks`: a peer may show no certificate, and one that it shows must be signed all the
        same. Raises CertificateError."""
        self._asks = asks
        self._certificate = certificate
        self._private_key = private_key
        self._client_ca = client_ca
        self.context: ssl.SSLContext
        self.expires_at: float
        """Unix seconds at which our own certificate ends."""
        self.reload()

    def reload(self) -> None:
        """Take the files as they are now. Raises CertificateError and then keeps what it had."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        # Offered, not required: a peer that asks for none, or for another, is served all the same.
        context.set_alpn_protocols(["sip"])
        load_chain(context, self._certificate, self._private_key, self._certificate)
        if self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except OSError as error:
                raise CertificateError(f"{self._client_ca}: no CA certificates: {in_words(error)}") from None
            context.verify_mode = ssl.CERT_OPTIONAL if self._asks else ssl.CERT_REQUIRED
        with open(self._certificate, "rb") as file:
            self.expires_at = expires_at(file.read())
        self.context = context


def shown(transport: asyncio.BaseTransport) -> tuple[str, ...]:
    """What the certificate says that the peer of an accepted connection showed, once it was verified: its SHA-256
    fingerprint in hexadecimal, then its names (alternative names, else the common name), in lower case. Empty when it
    showed none, or none was asked for."""
    held = transport.get_extra_info("ssl_object")
    said = held.getpeercert() if held is not None else None
    der = held.getpeercert(True) if said else None
    if not said or der is None:
        return ()
    names = [str(value) for kind, value in said.get("subjectAltName", ()) if kind in ("DNS", "URI", "IP Address")]
    if not names:
        names = [value for part in said.get("subject", ()) for kind, value in part if kind == "commonName"]
    return (hashlib.sha256(der).hexdigest(), *[name.lower() for name in names])


class ClientContexts:
    """The profiles that flows may name, and their contexts. A flow names a profile by a digest of its content, so that
    it means the same after a restart."""

    __slots__ = ("_contexts", "_keys", "_profiles")

    _MOST = 4096

    def __init__(self) -> None:
        self._keys: dict[TlsProfile, str] = {}
        self._profiles: dict[str, TlsProfile] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.key(TlsProfile())

    def key(self, profile: TlsProfile) -> str:
        """The name of this profile, remembered from now on."""
        known = self._keys.get(profile)
        if known is not None:
            return known
        if len(self._keys) >= self._MOST:
            oldest = self._keys.pop(next(iter(self._keys)))
            self._profiles.pop(oldest, None)
            self._contexts.pop(oldest, None)
        digest = profile_key(profile)
        self._keys[profile] = digest
        self._profiles[digest] = profile
        return digest

    def context(self, key: str) -> ssl.SSLContext:
        """The context of the profile with this key. Raises CertificateError, also when nobody named it yet."""
        context = self._contexts.get(key)
        if context is None:
            profile = self._profiles.get(key)
            if profile is None:
                raise CertificateError("the TLS profile of this connection is not known any more")
            context = self._contexts[key] = client_context(profile)
        return context


def profile_key(profile: TlsProfile) -> str:
    """16 hexadecimal digits that are the same for equal profiles, in every process."""
    digest = hashlib.sha256()
    key = profile.private_key.reveal() if profile.private_key is not None else None
    for part in (str(profile.verify), profile.server_name, profile.ca_bundle, profile.certificate, key):
        text = b"" if part is None else part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:%d:" % (part is not None, len(text)))
        digest.update(text)
    return digest.hexdigest()[:16]


def client_context(profile: TlsProfile) -> ssl.SSLContext:
    """How we meet a peer under this profile. Raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not profile.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif profile.ca_bundle is not None:
        try:
            context.load_verify_locations(cadata=profile.ca_bundle)
        except OSError as error:
            raise CertificateError(f"the CA bundle cannot be used: {in_words(error)}") from None
        except ValueError as error:
            raise CertificateError(f"the CA bundle cannot be used: {error}") from None
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if profile.certificate is not None:
        pem = profile.certificate
        if profile.private_key is not None:
            pem = f"{pem.rstrip()}\n{profile.private_key.reveal().strip()}\n"
        with _private_file(pem) as path:
            load_chain(context, path, None, "the client certificate")
    return context


def expires_at(pem: str | bytes) -> float:
    """Unix seconds at which the first certificate of a PEM text ends. Raises CertificateError."""
    try:
        first = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
    except ValueError as error:
        raise CertificateError(f"not a PEM certificate: {error}") from None
    return first.not_valid_after_utc.timestamp()


def why_untrusted(error: ssl.SSLCertVerificationError, name: str) -> str:
    """The sentence for a peer whose certificate was refused."""
    if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        return f"the certificate it showed is not for {name}"
    return f"certificate of {name} is not trusted: {error.verify_message}"


def why_no_tls(error: ssl.SSLError, name: str) -> str:
    """The sentence for a handshake that failed otherwise."""
    return f"no TLS with {name}: {in_words(error)}"


def load_chain(context: ssl.SSLContext, certificate: str, private_key: str | None, shown_as: str) -> None:
    """Give a context its own certificate, from PEM files. Raises CertificateError, which names it as `shown_as`."""
    try:
        context.load_cert_chain(certificate, private_key, password=_no_password)
    except CertificateError:
        raise CertificateError(f"{shown_as}: the private key is encrypted; give it without a passphrase") from None
    except OSError as error:
        raise CertificateError(f"{shown_as}: {in_words(error)}") from None


def _no_password() -> str:
    """Instead of OpenSSL's own, which would ask at the terminal."""
    raise CertificateError("encrypted")


@contextmanager
def _private_file(pem: str) -> Iterator[str]:
    """A path that holds a key for the moment OpenSSL reads it: in memory where the system can, else a file of ours
    alone that is removed at once."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pem", os.MFD_CLOEXEC), "wb") as memory:
            memory.write(pem.encode("utf-8", "surrogateescape"))
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
        return
    number, path = tempfile.mkstemp()  # mode 0600
    try:
        with os.fdopen(number, "wb") as file:
            file.write(pem.encode("utf-8", "surrogateescape"))
        yield path
    finally:
        os.unlink(path)
