"""Records for `locate`: the hosts file first, then DNS, both remembered.

What is remembered answers in the same turn; only a name that is new, or whose time has run out, waits for the network,
and never longer than a few seconds. When DNS fails, what it last said still serves (RFC 8767): a name server's outage
is no reason to lose calls.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Sequence

import aiodns
from aiodns.error import ARES_EBADNAME, ARES_ENODATA, ARES_ENOTFOUND, DNSError
from pycares import CNAMERecordData, DNSResult, NAPTRRecordData, SRVRecordData

from trunkline.sip.flow import Transport
from trunkline.transport.hosts import HostsFile
from trunkline.transport.listener import Family
from trunkline.transport.locate import locate
from trunkline.transport.records import Hop, Missing, Naptr, Nowhere, Question, Records
from trunkline.transport.srv_order import Srv

_MOST_KEPT = 10_000
_LEAST_TTL, _MOST_TTL = 5.0, 3600.0
"""Seconds. A record of TTL 0 must at least outlive the lookup it belongs to."""
_NEGATIVE_TTL = 30.0
_TROUBLE_TTL = 3.0
_NO_NAPTR_TTL = 60.0
"""Not every name server and firewall lets NAPTR pass. Calls must not wait for it again and again."""
_STALE = 86_400.0
"""Seconds after its end that a record may still serve while DNS fails."""
_NONE = Records()
_UNANSWERED = Records(trouble="DNS did not answer in time")
_FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


class Resolver:
    """Finds the hops of URIs. One event loop's."""

    __slots__ = (
        "_asking", "_chance", "_closed", "_dns", "_hosts", "_kept", "_name_servers", "_now", "_patience", "failures",
        "families", "questions",
    )  # fmt: skip

    def __init__(
        self,
        families: tuple[Family, ...] = (4, 6),
        *,
        name_servers: Sequence[str] = (),
        hosts: HostsFile | None = None,
        patience: float = 4.0,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`families` that we can send from, in order of preference. `name_servers` as `host:port`; the system's when
        empty. `patience`: seconds that one URI may take in all."""
        self.families = families
        self._name_servers = tuple(name_servers)
        self._hosts = hosts or HostsFile()
        self._patience = patience
        self._now = now
        self._chance = chance
        self._dns: aiodns.DNSResolver | None = None
        self._kept: dict[Question, tuple[float, Records]] = {}
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self._closed = False
        self.questions = 0
        """Questions put to DNS."""
        self.failures = 0
        """Questions that DNS did not answer."""

    def resolve_now(self, uri: str, transport: Transport | None = None) -> tuple[Hop, ...] | Nowhere | None:
        """The hops of a SIP or SIPS URI, or why there are none; None when DNS must be asked."""
        found = locate(uri, transport, self.families, self._known, self._chance)
        return None if isinstance(found, Missing) else found

    async def resolve(self, uri: str, transport: Transport | None = None) -> tuple[Hop, ...] | Nowhere:
        """The same, after asking what must be asked. Within `patience` seconds."""
        ends = self._now() + self._patience
        while True:
            found = locate(uri, transport, self.families, self._known, self._chance)
            if not isinstance(found, Missing):
                return found
            left = ends - self._now()
            pending: set[asyncio.Task[None]] = set()
            if left > 0:
                tasks = {self._ask(question) for question in found.questions}
                _, pending = await asyncio.wait(tasks, timeout=left)
            if pending or left <= 0 or self._closed:
                found = locate(uri, transport, self.families, self._known_by_now, self._chance)
                assert not isinstance(found, Missing)
                return found

    def _known(self, question: Question) -> Records | None:
        now = self._now()
        name = question.name
        if question.kind == "SRV" and name.startswith("_"):
            name = name.split(".", 2)[-1]
        listed = self._hosts.get(name, now)
        if listed is not None:
            family = _FAMILIES.get(question.kind)
            if family is None:
                return _NONE
            return Records(tuple(each for each in listed if (":" in each) == (family == socket.AF_INET6)))
        kept = self._kept.get(question)
        return kept[1] if kept is not None and kept[0] > now else None

    def _known_by_now(self, question: Question) -> Records:
        return self._known(question) or _UNANSWERED

    def _ask(self, question: Question) -> asyncio.Task[None]:
        """The task that asks it: one, whoever waits."""
        task = self._asking.get(question)
        if task is None:
            task = self._asking[question] = asyncio.get_running_loop().create_task(self._asked(question))
            self.questions += 1
        return task

    async def _asked(self, question: Question) -> None:
        try:
            records, ttl = await self._query(question)
            self._keep(question, records, min(max(ttl, _LEAST_TTL), _MOST_TTL))
        except DNSError as error:
            if error.args[0] in (ARES_ENODATA, ARES_ENOTFOUND, ARES_EBADNAME):
                self._keep(question, _NONE, _NEGATIVE_TTL)
            else:
                self.failures += 1
                troubled = Records(trouble=str(error.args[-1]).lower())
                ttl = _NO_NAPTR_TTL if question.kind == "NAPTR" else _TROUBLE_TTL
                self._keep(question, self._stale(question) or troubled, ttl)
        finally:
            del self._asking[question]

    async def _query(self, question: Question) -> tuple[Records, float]:
        """What DNS says, and for how many seconds. Raises DNSError."""
        if self._dns is None:
            self._dns = aiodns.DNSResolver(list(self._name_servers) or None, timeout=0.8, tries=2)
        family = _FAMILIES.get(question.kind)
        if family is not None:
            # Unlike a bare query this follows the search domains of a container or cluster.
            found = await self._dns.getaddrinfo(question.name, family=family, type=socket.SOCK_DGRAM)
            hosts = tuple(dict.fromkeys(node.addr[0].decode() for node in found.nodes if node.family == family))
            return Records(hosts), min((node.ttl for node in found.nodes), default=0)
        return _read(await self._dns.query_dns(question.name, question.kind))

    def _keep(self, question: Question, records: Records, ttl: float) -> None:
        self._kept.pop(question, None)
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[question] = (self._now() + ttl, records)

    def _stale(self, question: Question) -> Records | None:
        kept = self._kept.get(question)
        if kept is None or kept[1].trouble or kept[0] + _STALE < self._now():
            return None
        return kept[1]

    def counts(self) -> dict[str, int]:
        return {
            "names_kept": len(self._kept),
            "names_asking": len(self._asking),
            "dns_questions": self.questions,
            "dns_failures": self.failures,
        }

    async def close(self) -> None:
        """Ask nothing more; who waits is told what is known."""
        self._closed = True
        tasks = tuple(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asking.clear()
        if self._dns is not None:
            await self._dns.close()
            self._dns = None


def _read(result: DNSResult) -> tuple[Records, float]:
    """SRV and NAPTR of an answer; the aliases on the way to them hold no longer than they do."""
    srv, naptr, ttls = [], [], []
    for record in result.answer:
        data = record.data
        if isinstance(data, SRVRecordData):
            srv.append(Srv(data.priority, data.weight, data.port, _name(data.target)))
        elif isinstance(data, NAPTRRecordData):
            naptr.append(Naptr(data.order, data.preference, data.flags, data.service, _name(data.replacement)))
        elif not isinstance(data, CNAMERecordData):
            continue
        ttls.append(record.ttl)
    return Records(srv=tuple(srv), naptr=tuple(naptr)), min(ttls, default=_NEGATIVE_TTL)


def _name(text: str) -> str:
    return text.rstrip(".").lower()
