"""A SIPp scenario written as what happens, step by step; the XML that SIPp wants is made from it.

A carrier and an agent speak the same requests from opposite ends, so that headers are written once here and a behaviour
is a dozen lines (see `behaviours`). SIPp's `[branch-N]` names the branch of the message N steps before: a CANCEL and
the ACK of a refusal need the INVITE's own (RFC 3261 §9.1, §17.1.1.3), and that is what the steps are counted for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from xml.sax.saxutils import quoteattr

Role = Literal["carrier", "agent"]

CALLER = "+13035559876"
_ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
_KEPT = {"target": "sips?:[^&gt; ]*"}
"""What is kept of a header when it is not all of it."""


def audio(*payloads: tuple[int, str], direction: str = "sendrecv", version: int = 1) -> str:
    """An SDP body of one audio stream; SIPp fills in the addresses."""
    lines = [
        "v=0",
        f"o=party 53655765 {version} IN IP[media_ip_type] [media_ip]",
        "s=-",
        "c=IN IP[media_ip_type] [media_ip]",
        "t=0 0",
        "m=audio [media_port] RTP/AVP " + " ".join(str(number) for number, _ in payloads),
        *(f"a=rtpmap:{number} {name}" for number, name in payloads),
        "a=ptime:20",
        f"a={direction}",
    ]
    return "\n".join(lines)


PCMU, PCMA, G722, EVENTS = (0, "PCMU/8000"), (8, "PCMA/8000"), (9, "G722/8000"), (101, "telephone-event/8000")
OFFER = audio(PCMU, PCMA, G722, EVENTS)
ANSWER = audio(PCMU, EVENTS)


class Script:
    """The steps of one party, in order. Every method adds one step and returns the script."""

    def __init__(self, name: str, role: Role) -> None:
        self.name = name
        self.role = role
        self._steps: list[str] = []
        self._marks: dict[str, int] = {}
        """Labels and the step they stand before; SIPp's own are numbers."""
        self._kept: set[str] = set()
        self._sequence = 0
        self._invite = 0
        self._invite_sequence = 0
        self._asked = ""
        """The method of the last request, whose 2xx may bear a route set."""
        self._confirmed = False
        """Whether the ACK has come, so that requests bear this party's tag already."""

    # ---- requests

    def invite(self, body: str | None = OFFER, *headers: str, retransmitted: bool = True) -> Script:
        """The carrier's first INVITE, or the next after a refusal. SIPp goes on at once only after a message that it
        would not retransmit."""
        self._sequence += 1
        self._invite_sequence = self._sequence
        self._invite = len(self._steps)
        return self._send(
            "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            f"From: {self._local}",
            "To: <sip:[service]@[remote_ip]:[remote_port]>",
            "Call-ID: [call_id]",
            f"CSeq: {self._sequence} INVITE",
            f"Contact: {self._contact}",
            "Max-Forwards: 70",
            "User-Agent: CarrierSBC/7.2",
            _ALLOW,
            "Supported: timer, 100rel, replaces",
            f"P-Asserted-Identity: <sip:{CALLER}@[local_ip]>",
            *headers,
            body=body,
            retransmitted=retransmitted,
        )

    def options(self) -> Script:
        """OPTIONS outside any dialog (RFC 3261 §11)."""
        self._sequence = 1
        return self._send(
            "OPTIONS sip:[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            f"From: {self._local}",
            "To: <sip:[remote_ip]:[remote_port]>",
            "Call-ID: [call_id]",
            "CSeq: 1 OPTIONS",
            f"Contact: {self._contact}",
            "Max-Forwards: 70",
            "Accept: application/sdp",
            body=None,
            retransmitted=True,
        )

    def request(self, method: str, body: str | None = None, *headers: str) -> Script:
        """A request inside the dialog. INVITE and UPDATE carry a Contact, as a target refresh must."""
        self._sequence += 1
        if method == "INVITE":
            self._invite, self._invite_sequence = len(self._steps), self._sequence
        contact = (f"Contact: {self._contact}",) if method in {"INVITE", "UPDATE"} else ()
        return self._send(*self._inside(method, self._sequence), *contact, *headers, body=body, retransmitted=True)

    def bye(self) -> Script:
        return self.request("BYE")

    def prack(self) -> Script:
        """For the provisional response that came last, which was `reliable` (RFC 3262 §7.2)."""
        return self.request("PRACK", None, f"RAck:[$rseq] {self._invite_sequence} INVITE")

    def ack(self, body: str | None = None, counter: str | None = None) -> Script:
        """The ACK of a 2xx: a request of its own, with a branch of its own."""
        return self._send(*self._inside("ACK", self._invite_sequence), body=body, counter=counter)

    def cancel(self) -> Script:
        return self._send(*self._as_invite("CANCEL", "<sip:[service]@[remote_ip]:[remote_port]>"), retransmitted=True)

    def ack_refusal(self, counter: str | None = None) -> Script:
        """The ACK of a final answer that is no 2xx: part of the INVITE's transaction."""
        return self._send(*self._as_invite("ACK", None), counter=counter)

    # ---- answers

    def answer(
        self,
        status: int,
        phrase: str,
        body: str | None = None,
        *headers: str,
        to: str | None = None,
        fork: str = "",
    ) -> Script:
        """Answers the request that came last. `to="invite"` answers the INVITE that came before a CANCEL, and
        `to="kept"` the one that was kept, whatever came since. A `fork` is another early dialog."""
        sequence = "[last_CSeq:]" if to is None else "CSeq:[$invite]"
        own_tag = f";tag={self._tag}{fork}" if self.role == "agent" and not self._confirmed else ""
        self._kept.update({"invite"} if to is not None else ())
        contact = (f"Contact: {self._contact}", _ALLOW) if 100 < status < 300 else ()
        return self._send(
            f"SIP/2.0 {status} {phrase}",
            "Via:[$via]" if to == "kept" else "[last_Via:]",
            "[last_Record-Route:]",
            "[last_From:]",
            f"[last_To:]{own_tag}",
            "[last_Call-ID:]",
            sequence,
            *contact,
            *headers,
            body=body,
            retransmitted=status >= 200 and (to is not None or body is not None),
        )

    # ---- what comes

    def receive(
        self,
        method: str,
        *,
        keep: bool = False,
        must_have: dict[str, str] | None = None,
        lost: int = 0,
        within: tuple[int, str] | None = None,
    ) -> Script:
        """Waits for a request. `keep` remembers its ends, for requests of this party's own and late answers.

        `lost` is the percentage of such requests that the network loses; `within` says how many milliseconds to wait
        and the label to go on at when it did not come.
        """
        self._confirmed = self._confirmed or method in {"ACK", "PRACK"}
        kept = {"remote": "From:", "local": "To:", "invite": "CSeq:", "via": "Via:"} if keep else {}
        more = f' lost="{lost}"' if lost else ""
        if within is not None:
            more += f' timeout="{within[0]}" ontimeout="{{{within[1]}}}"'
        return self._wait(f'request="{method}"{more}', kept, must_have, routes=method == "INVITE")

    def expect(
        self,
        status: int,
        *,
        optional: bool = False,
        then: str | None = None,
        keep: bool = False,
        reliable: bool = False,
        must_have: dict[str, str] | None = None,
        counter: str | None = None,
    ) -> Script:
        """Waits for an answer. `then` goes on at that label instead of below.

        `keep` remembers the To for later requests; `reliable` that and what a PRACK needs. `must_have` maps header
        names (or `body`) to regular expressions that must be found there.
        """
        more = ' optional="true"' if optional else ""
        more += f' counter="{counter}"' if counter else ""
        if then is not None:
            more += f' next="{{{then}}}"'
        kept = {"remote": "To:"} if keep or reliable else {}
        kept |= {"rseq": "RSeq:"} if reliable else {}
        routes = reliable or (200 <= status < 300 and self._asked == "INVITE")
        return self._wait(f'response="{status}"{more}', kept, must_have, routes=routes)

    def pause(self, milliseconds: int) -> Script:
        self._steps.append(f'<pause milliseconds="{milliseconds}"/>')
        return self

    def label(self, name: str) -> Script:
        self._marks[name] = len(self._steps)
        return self

    def go(self, label: str, counter: str | None = None) -> Script:
        """Goes on at the label, which stands further down; `counter` counts the calls that do."""
        counted = f' counter="{counter}"' if counter else ""
        self._steps.append(f'<nop{counted} next="{{{label}}}"/>')
        return self

    # ---- as XML

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.name}-{self.role}.xml"
        path.write_text(self.xml(), encoding="ascii")
        return path

    def xml(self) -> str:
        numbers = {name: str(number) for number, name in enumerate(self._marks, 1)}
        lines = ['<?xml version="1.0" encoding="ISO-8859-1" ?>', f"<scenario name={quoteattr(self.name)}>"]
        for index, step in enumerate([*self._steps, ""]):
            lines += [f'<label id="{numbers[name]}"/>' for name, at in self._marks.items() if at == index]
            for name, number in numbers.items():
                step = step.replace(f'="{{{name}}}"', f'="{number}"')
            lines.append(step)
        if self._kept:
            lines.append(f'<Reference variables="{",".join(sorted(self._kept))}"/>')
        return "\n".join([*lines, "</scenario>", ""])

    # ---- headers

    @property
    def _tag(self) -> str:
        return f"[pid]{self.role}[call_number]"

    @property
    def _contact(self) -> str:
        """`[by]` is the transport parameter that `sipp.Party` gives, in lower case: sippy knows no `transport=UDP`."""
        user = f"{CALLER}@" if self.role == "carrier" else ""
        return f"<sip:{user}[local_ip]:[local_port][by]>"

    @property
    def _local(self) -> str:
        if self.role == "agent":
            return f"[$local];tag={self._tag}"
        return f'"Carrier" <sip:{CALLER}@[local_ip]:[local_port]>;tag={self._tag}'

    @property
    def _remote(self) -> str:
        return "To:[$remote]" if "remote" in self._kept else "[last_To:]"

    def _inside(self, method: str, sequence: int) -> tuple[str, ...]:
        return (
            f"{method} [$target] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            f"From: {self._local}",
            self._remote,
            "[routes]",
            "Call-ID: [call_id]",
            f"CSeq: {sequence} {method}",
            "Max-Forwards: 70",
        )

    def _as_invite(self, method: str, to: str | None) -> tuple[str, ...]:
        return (
            f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-{len(self._steps) - self._invite}]",
            f"From: {self._local}",
            "[last_To:]" if to is None else f"To: {to}",
            "Call-ID: [call_id]",
            f"CSeq: {self._invite_sequence} {method}",
            "Max-Forwards: 70",
        )

    # ---- elements

    def _send(
        self, *lines: str, body: str | None = None, retransmitted: bool = False, counter: str | None = None
    ) -> Script:
        kind = "application/dtmf-relay" if body is not None and body.startswith("Signal=") else "application/sdp"
        entity = (f"Content-Type: {kind}", "Content-Length: [len]", "", body) if body else ("Content-Length: 0", "")
        attributes = ' retrans="500"' if retransmitted else ""
        if counter is not None:
            attributes += f' counter="{counter}"'
        if not lines[0].startswith("SIP/2.0 "):
            self._asked = lines[0].partition(" ")[0]
        text = "\n".join(f"      {line}".rstrip() for part in (*lines, *entity) for line in part.split("\n"))
        self._steps.append(f"<send{attributes}><![CDATA[\n\n{text}\n\n]]></send>")
        return self

    def _wait(self, what: str, kept: dict[str, str], must_have: dict[str, str] | None, *, routes: bool) -> Script:
        if routes:
            # SIPp's own [next_url] takes a display name for part of the URI.
            kept = {**kept, "target": "Contact:"}
        actions = [
            f'<ereg regexp="{_KEPT.get(name, ".*")}" search_in="hdr" header="{header}" assign_to="{name}"/>'
            for name, header in kept.items()
        ]
        self._kept.update(kept)
        for number, (header, pattern) in enumerate((must_have or {}).items()):
            name = f"seen{len(self._steps)}x{number}"
            where = 'search_in="body"' if header == "body" else f'search_in="hdr" header="{header}:"'
            actions.append(f'<ereg regexp={quoteattr(pattern)} {where} check_it="true" assign_to="{name}"/>')
            self._kept.add(name)
        inside = f"<action>{''.join(actions)}</action>" if actions else ""
        more = ' rrs="true"' if routes else ""
        self._steps.append(f"<recv {what}{more}>{inside}</recv>")
        return self
