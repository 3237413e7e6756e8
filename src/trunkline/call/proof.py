"""Whether the sender of a request knows a trunk's password: digest with nonces that need no memory (RFC 3261 §22)."""

from __future__ import annotations

from typing import Protocol

from trunkline.guard.nonce import Nonces
from trunkline.model.trunk import Trunk
from trunkline.sip.challenge import Credentials, credentials_for
from trunkline.sip.digest import Verdict, challenge, verify
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request


class Proof(Protocol):
    """How arrival asks for it: `Digest` for calls, `Supposed` for an INVITE that was not sent."""

    def credentials(self, request: Request) -> Credentials | None:
        """What the request shows for our realm; None when nothing."""

    def verdict(self, credentials: Credentials, request: Request, trunk: Trunk, flow: Flow, now: float) -> Verdict:
        """Whether they are right for this trunk, whose password is known to us."""


class Digest:
    """The proof that the wire demands."""

    __slots__ = ("_nonces", "realm")

    def __init__(self, realm: str, nonces: Nonces) -> None:
        self.realm = realm
        self._nonces = nonces

    def credentials(self, request: Request) -> Credentials | None:
        values = request.headers("Authorization")
        return credentials_for(values, self.realm) if values else None

    def verdict(self, credentials: Credentials, request: Request, trunk: Trunk, flow: Flow, now: float) -> Verdict:
        if trunk.password is None or credentials.username != trunk.username:
            return Verdict.WRONG
        fresh = self._nonces.check(credentials.nonce, now, self.realm, flow.remote[0]) == "valid"
        password = trunk.password.reveal()
        return verify(credentials, request.method, request.uri, self.realm, password, fresh, request.body)

    def challenge(self, flow: Flow, now: float, stale: bool = False) -> list[str]:
        """The WWW-Authenticate values of a 401 to a request from `flow`, a header line each."""
        return challenge(self.realm, self._nonces.mint(now, self.realm, flow.remote[0]), stale)


class Supposed:
    """The proof of a request that was never sent: its sender is supposed to know the password of `username`, or to show
    no credentials when that is None."""

    __slots__ = ("_username",)

    def __init__(self, username: str | None) -> None:
        self._username = username

    def credentials(self, request: Request) -> Credentials | None:
        return Credentials(self._username, "", "", request.uri, "") if self._username is not None else None

    def verdict(self, credentials: Credentials, request: Request, trunk: Trunk, flow: Flow, now: float) -> Verdict:
        return Verdict.VERIFIED if credentials.username == trunk.username else Verdict.WRONG
