"""Whether the sender of a request knows a trunk's password: digest with nonces of our own, each of whose counts proves
one request (RFC 3261 §22, RFC 7616 §5.12).

A repeat of a request is absorbed by its transaction and never comes here; a replay in a transaction of its own is met
as credentials that are stale.
"""

from __future__ import annotations

from typing import Protocol

from trunkline.guard.nonce import Nonces
from trunkline.guard.recent import Recent
from trunkline.guard.source import source_of
from trunkline.model.trunk import Trunk
from trunkline.sip.challenge import Credentials, credentials_for
from trunkline.sip.digest import OFFERED, Verdict, challenge, verify
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request

_PROVED = 43_200.0
"""Seconds: a PBX that called today is known tonight."""


class Proof(Protocol):
    """How arrival asks for it: `Digest` for calls, `Supposed` for an INVITE that was not sent."""

    def credentials(self, request: Request) -> Credentials | None:
        """What the request shows for our realm; None when nothing."""

    def returned(self, credentials: Credentials, flow: Flow, now: float) -> bool:
        """Whether they bear a nonce that was sent to this very address: who shows it lives there."""

    def verdict(self, credentials: Credentials, request: Request, trunk: Trunk, flow: Flow, now: float) -> Verdict:
        """Whether they are right for this trunk, whose password is known to us. Those that are right are used up."""


class Digest:
    """The proof that the wire demands."""

    __slots__ = ("nonces", "proved", "realm")

    def __init__(self, realm: str, nonces: Nonces) -> None:
        self.realm = realm
        self.nonces = nonces
        self.proved = Recent(_PROVED)
        """Sources that have shown a right password not long ago."""

    def credentials(self, request: Request) -> Credentials | None:
        values = request.headers("Authorization")
        return credentials_for(values, self.realm) if values else None

    def returned(self, credentials: Credentials, flow: Flow, now: float) -> bool:
        return self.nonces.check(credentials.nonce, now, self.realm, flow.remote[0]) == "valid"

    def verdict(self, credentials: Credentials, request: Request, trunk: Trunk, flow: Flow, now: float) -> Verdict:
        fresh = self.returned(credentials, flow, now)
        # A user that does not exist takes as long as a wrong password.
        password = trunk.password.reveal() if trunk.password is not None else ""
        verdict = verify(credentials, request.method, request.uri, self.realm, password, fresh, request.body)
        if trunk.password is None or credentials.username != trunk.username:
            return Verdict.WRONG
        if verdict is Verdict.VERIFIED:
            if not self.nonces.spend(credentials.nonce, credentials.nonce_count, now):
                return Verdict.STALE
            self.proved.add(source_of(flow.remote[0]), now)
        return verdict

    def challenge(
        self, flow: Flow, now: float, stale: bool = False, algorithms: tuple[str, ...] = OFFERED
    ) -> list[str]:
        """The WWW-Authenticate values of a 401 to a request from `flow`, a header line each."""
        return challenge(self.realm, self.nonces.mint(now, self.realm, flow.remote[0]), stale, algorithms)


class Supposed:
    """The proof of a request that was never sent: its sender is supposed to know the password of `username`, or to show
    no credentials when that is None."""

    __slots__ = ("_username",)

    def __init__(self, username: str | None) -> None:
        self._username = username

    def credentials(self, request: Request) -> Credentials | None:
        return Credentials(self._username, "", "", request.uri, "") if self._username is not None else None

    def returned(self, credentials: Credentials, flow: Flow, now: float) -> bool:
        return True

    def verdict(self, credentials: Credentials, request: Request, trunk: Trunk, flow: Flow, now: float) -> Verdict:
        return Verdict.VERIFIED if credentials.username == trunk.username else Verdict.WRONG
