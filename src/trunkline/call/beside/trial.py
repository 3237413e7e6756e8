"""Trying a trunk once, for somebody who waits: an OPTIONS, then a REGISTER that changes no binding (RFC 3261 §10.2.3).

Any final answer to the OPTIONS says that the peer is there, but those that say it cannot work now. The REGISTER bears
no Contact: it asks for the bindings and, on its way, for the credentials. A peer that takes none (403, 405, 501) is
reached all the same. Nothing is kept: a trial is over when its result is told, at the latest after `PATIENCE`.
"""

from __future__ import annotations

from trunkline.call.beside.probing import target
from trunkline.call.beside.registrant import address_of_record, registrar
from trunkline.call.leg.credentials import Credentials, Shown, authorize
from trunkline.call.leg.user_agent import CAPABLE, UserAgent
from trunkline.call.outputs import Output, Resolve, Tried
from trunkline.model.trunk import Trunk
from trunkline.routing.select import leg_transport
from trunkline.sip import compose
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import bracketed
from trunkline.sip.message import Response
from trunkline.sip.timers import Alarms
from trunkline.sip.uri import party

OWNER = "trial:"
"""What the owner of a trial's transactions begins with; its id follows."""
PATIENCE = 8.0
"""Seconds for all of it."""
_UNWELL = (408, 500, 502, 503, 504)
_NO_REGISTRAR = (403, 405, 501)


class _Trial:
    __slots__ = ("call_id", "flow", "flows", "key", "latency", "method", "sent_at", "sequence", "shown", "tag", "trunk")

    def __init__(self, trunk: Trunk, call_id: str, tag: str) -> None:
        self.trunk = trunk
        self.call_id = call_id
        self.tag = tag
        self.flows: list[Flow] = []
        """What is left to try."""
        self.flow: Flow | None = None
        self.method = "OPTIONS"
        self.sequence = 0
        self.sent_at = 0.0
        self.latency: float | None = None
        self.key = ""
        """The transaction that is waited for."""
        self.shown = Shown()


class Trials:
    """The trials that go on."""

    __slots__ = ("_alarms", "_trials", "ua")

    def __init__(self, ua: UserAgent) -> None:
        self.ua = ua
        self._trials: dict[str, _Trial] = {}
        self._alarms: Alarms[str] = Alarms()

    def __len__(self) -> int:
        return len(self._trials)

    def begin(self, id: str, trunk: Trunk, now: float) -> list[Output]:
        if not trunk.host:
            return [Tried(id, "unreachable", None, "skipped", "it has no server to send to")]
        tokens = self.ua.tokens
        self._trials[id] = _Trial(trunk, tokens.token(), tokens.token())
        self._alarms.set(id, now + PATIENCE)
        return [Resolve(f"{OWNER}{id}", trunk.outbound_proxy or target(trunk), leg_transport(trunk), trunk.tls)]

    def deadline(self) -> float:
        return self._alarms.deadline()

    def expire(self, now: float) -> list[Output]:
        outs: list[Output] = []
        for id in self._alarms.expire(now):
            trial = self._trials.get(id)
            if trial is not None:
                outs += self._lost(id, trial, f"no answer within {PATIENCE:g} s")
        return outs

    def resolved(self, id: str, flows: tuple[Flow, ...], now: float) -> list[Output]:
        trial = self._trials.get(id)
        if trial is None:
            return []
        trial.flows = list(flows)
        return self._next(id, trial, "no address to send to", now)

    def failed(self, id: str, transaction: str, reason: str, now: float) -> list[Output]:
        """A request was not answered or not sent, or (no `transaction`) there is no address."""
        trial = self._trials.get(id)
        if trial is None or transaction != trial.key:
            return []
        return self._next(id, trial, reason, now)

    def answered(self, id: str, transaction: str, response: Response, now: float) -> list[Output]:
        trial = self._trials.get(id)
        if trial is None or transaction != trial.key or trial.flow is None or response.status < 200:
            return []
        trunk, status = trial.trunk, response.status
        said = f"it answered {trial.method} with {status} {response.phrase}".rstrip()
        if trial.method == "OPTIONS":
            if status in _UNWELL:
                return self._next(id, trial, said, now)
            trial.latency = now - trial.sent_at
            if not trunk.username or trunk.password is None:
                return self._over(id, trial, "reachable", "skipped", None)
            trial.method = "REGISTER"
            return self._send(id, trial, trial.flow, now)
        if status in (401, 407):
            more = self._proven(trial, response)
            if more is None:
                return self._over(id, trial, "auth_failed", "failed", f"{said}: it does not accept the credentials")
            trial.shown = more
            return self._send(id, trial, trial.flow, now)
        if status < 300:
            return self._over(id, trial, "reachable", "verified", None)
        if status == 403 and trial.shown.challenges:
            # Some say so only once, with the credentials before them.
            return self._over(id, trial, "auth_failed", "failed", f"{said}: it does not accept the credentials")
        if status in _NO_REGISTRAR:
            return self._over(id, trial, "reachable", "unsupported", None)
        return self._over(id, trial, "reachable", "failed", said)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _proven(self, trial: _Trial, response: Response) -> Shown | None:
        trunk = trial.trunk
        assert trunk.username is not None
        assert trunk.password is not None
        credentials = Credentials(trunk.username, trunk.password, trunk.realm)
        return authorize(credentials, response, trial.method, _uri(trial), self.ua.tokens.token(), trial.shown)

    def _next(self, id: str, trial: _Trial, reason: str, now: float) -> list[Output]:
        """The next address, or the end."""
        trial.key = ""
        if trial.method == "OPTIONS" and trial.flows:
            return self._send(id, trial, trial.flows.pop(0), now)
        return self._lost(id, trial, reason)

    def _lost(self, id: str, trial: _Trial, reason: str) -> list[Output]:
        if trial.method == "OPTIONS":
            return self._over(id, trial, "unreachable", "skipped", reason)
        return self._over(id, trial, "reachable", "failed", f"REGISTER: {reason}")

    def _over(self, id: str, trial: _Trial, status: str, registration: str, detail: str | None) -> list[Output]:
        del self._trials[id]
        self._alarms.clear(id)
        return [Tried(id, status, trial.latency, registration, detail)]

    def _send(self, id: str, trial: _Trial, flow: Flow, now: float) -> list[Output]:
        ua, trunk = self.ua, trial.trunk
        trial.flow, trial.sent_at = flow, now
        trial.sequence += 1
        branch = ua.tokens.branch()
        uri = _uri(trial)
        if trial.method == "REGISTER":
            aor = address_of_record(trunk)
            parties = f"From: <{aor}>;tag={trial.tag}\r\nTo: <{aor}>\r\n{trial.shown}"
        else:
            us = f"sip:{ua.tokens.worker}@{bracketed(ua.address(flow)[0])}"
            parties = (
                f"From: <{us}>;tag={trial.tag}\r\nTo: <{party(uri)}>\r\n"
                f"{ua.contact(flow, ua.tokens.worker)}{CAPABLE}Accept: application/sdp\r\n"
            )
        route = f"Route: <{trunk.outbound_proxy}>\r\n" if trunk.outbound_proxy else ""
        data = compose.request(
            f"{trial.method} {uri}",
            compose.via_line(flow, ua.sent_by(flow), branch),
            trial.call_id,
            f"{trial.sequence} {trial.method}",
            f"{route}{parties}User-Agent: {ua.brand}\r\n",
        )
        trial.key, told = ua.layer.request(data, trial.method, branch, flow, f"{OWNER}{id}", "", now)
        return [*told]


def _uri(trial: _Trial) -> str:
    """The peer itself; as a registrar, its domain."""
    return target(trial.trunk) if trial.method == "OPTIONS" else registrar(trial.trunk)
