"""SIP messages (RFC 3261 §7): bytes in, a `Request`, a `Response`, or a `Malformed` that knows its answer.

Parsing splits and indexes; it types only what every message is matched by (start line, top Via, CSeq). The rest is text
until someone asks. The original bytes are kept: a message passed on unchanged is the same message. Text is UTF-8 with
surrogate escapes, which loses nothing.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.sip.address import tag_of
from trunkline.sip.grammar import is_token
from trunkline.sip.names import NAMES, key_of
from trunkline.sip.via import Via, ViaError, first_via, salvage_via

MOST_BYTES: Final = 65_535
MOST_LINES: Final = 256
"""Header lines; real calls have below 40."""
LARGEST_CSEQ: Final = 2**32 - 1
"""§8.1.1.5 asks for less than 2**31; §7 of the older RFC allowed all 32 bits and peers use them."""

_METHODS: Final = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO"})
"""The usual ones, which are tokens without a look."""
_STATUSES: Final = {str(code): code for code in range(100, 700)}
_SINGLE: Final = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
_REPEATED: Final = ("from", "to", "call-id", "cseq")
_PRIVATE: Final = ("X-", "x-")
_UNREAD: Final = "\0"
"""A tag that nobody asked for yet."""
_FOLD = re.compile(r"(?<![ \t])[ \t]*+\r\n[ \t]++")
_CSEQ = re.compile(r"([0-9]{1,12})[ \t]+(\S+)")


class _Message:
    """What requests and responses share."""

    __slots__ = (
        "_from_tag",
        "_lines",
        "_more",
        "_other_vias",
        "_to_tag",
        "_values",
        "body",
        "call_id",
        "cseq",
        "cseq_method",
        "raw",
        "via",
    )

    _lines: list[str]
    _values: dict[str, str]
    _more: dict[str, list[str]]
    _other_vias: str
    """What stands behind the top value in the first Via line."""
    raw: bytes
    """The bytes as received, without what lay behind Content-Length."""
    body: bytes
    via: Via
    """The topmost Via."""
    call_id: str
    cseq: int
    cseq_method: str
    _from_tag: str | None
    _to_tag: str | None

    def header(self, name: str) -> str | None:
        """The first value line of this header (canonical long name), folds undone; None when absent."""
        value = self._values.get(name.lower())
        return None if value is None else value.strip(" \t")

    def headers(self, name: str) -> list[str]:
        """Every value line of this header, in order; a line may hold several values, separated by commas."""
        key = name.lower()
        first = self._values.get(key)
        if first is None:
            return []
        found = [first.strip(" \t")]
        if key in self._more:
            found += [value.strip(" \t") for value in self._more[key]]
        return found

    def lines(self) -> list[tuple[str, str]]:
        """Every header as (name as written, value), in order."""
        pairs = []
        for line in self._lines:
            name, _, value = line.partition(":")
            pairs.append((name.rstrip(" \t"), value.strip(" \t")))
        return pairs

    def private(self) -> list[tuple[str, str]]:
        """The headers whose name begins with `X-`, in order."""
        found = []
        for line in self._lines:
            if line.startswith(_PRIVATE):
                name, _, value = line.partition(":")
                found.append((name.rstrip(" \t"), value.strip(" \t")))
        return found

    @property
    def from_tag(self) -> str | None:
        if self._from_tag is _UNREAD:
            self._from_tag = tag_of(self._values["from"])
        return self._from_tag

    @property
    def to_tag(self) -> str | None:
        if self._to_tag is _UNREAD:
            self._to_tag = tag_of(self._values["to"])
        return self._to_tag

    def get(self, key: str) -> str | None:
        """As `header`, by its key: the long name in lower case."""
        value = self._values.get(key)
        return None if value is None else value.strip(" \t")

    @property
    def is_sdp(self) -> bool:
        """Whether the body is a session description. Engines in the field forget Content-Type: `v=0` tells too."""
        if not self.body:
            return False
        kind = self._values.get("content-type")
        if kind is None:
            return self.body.startswith(b"v=0")
        return kind.partition(";")[0].strip(" \t").lower() == "application/sdp"


class Request(_Message):
    """A request (§7.1)."""

    __slots__ = ("method", "uri")

    method: str
    uri: str
    """The Request-URI as written."""

    def __init__(self, method: str, uri: str) -> None:
        self.method = method
        self.uri = uri

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri} {self._values.get('call-id', '').strip()}>"

    def echo(self, via: str) -> tuple[str, str, str]:
        """What a response repeats (§8.2.6.2): the lines before To, the To value, the lines behind it. `via` is the
        top value with `received` and `rport` filled in. A request that lacks one of them is repeated without it."""
        values = self._values
        head = f"Via: {via}\r\n"
        if self._other_vias:
            head += f"Via: {self._other_vias}\r\n"
        for other in self._more.get("via", ()):
            head += f"Via:{other}\r\n"
        if "from" in values:
            head += f"From:{values['from']}\r\n"
        tail = ""
        if "call-id" in values:
            tail = f"Call-ID:{values['call-id']}\r\n"
        if "cseq" in values:
            tail += f"CSeq:{values['cseq']}\r\n"
        return head, values.get("to", ""), tail


class Response(_Message):
    """A response (§7.2)."""

    __slots__ = ("phrase", "status")

    status: int
    phrase: str

    def __init__(self, status: int, phrase: str) -> None:
        self.status = status
        self.phrase = phrase

    def __repr__(self) -> str:
        return f"<{self.status} {self.phrase} to {self.cseq_method} {self._values.get('call-id', '').strip()}>"


class Malformed:
    """What is no SIP message, and the answer it deserves.

    `request` is there when enough could be read to answer at all; a broken response or ACK is only counted.
    """

    __slots__ = ("reason", "request", "status")

    def __init__(self, status: int, reason: str, request: Request | None = None) -> None:
        self.status = status
        self.reason = reason
        self.request = request

    def __repr__(self) -> str:
        return f"<Malformed {self.status} {self.reason}>"


Message = Request | Response


def parse(data: bytes) -> Request | Response | Malformed:
    """One datagram, or one framed message of a stream. Never raises; linear in its size."""
    if len(data) > MOST_BYTES:
        return Malformed(513, "message too large")
    if data.startswith(b"\r\n"):
        # §7.5: empty lines before the start line are nobody's.
        start = 2
        while data.startswith(b"\r\n", start):
            start += 2
        data = data[start:]
    head, blank, rest = data.partition(b"\r\n\r\n")
    if not blank and _unended(data):
        head, blank, rest = data[:-2], b"\r\n\r\n", b""
        data += b"\r\n"
    text = head.decode("utf-8", "surrogateescape")
    if "\r\n " in text or ("\t" in text and "\r\n\t" in text):
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    bare = "".join(lines)
    first = lines.pop(0)
    message = _start_line(first)
    if isinstance(message, Malformed) and "\n" in first:
        return _ended_otherwise(data)
    if isinstance(message, Malformed) and message.request is None:
        return message
    fault: Malformed | None = None
    if isinstance(message, Malformed):
        fault, known = message, message.request
        assert known is not None
        parsed: Request | Response = known
    else:
        parsed = message
    problem = _fill(parsed, lines, rest, bool(blank))
    if "\n" in bare or "\r" in bare:
        # Peers that end lines so would read another header in what we pass on.
        problem = Malformed(400, "a CR or LF stands alone")
    raw_size = len(data) - len(rest) + len(parsed.body) if blank else len(data)
    parsed.raw = data if raw_size == len(data) else data[:raw_size]
    if fault is None:
        if problem is None:
            return parsed
        fault = problem
    return _answerable(fault, parsed)


def _unended(data: bytes) -> bool:
    """Whether all that a message lacks is its empty line: the last header says that nothing follows. The agent of a
    home automation writes its ACKs and answers so, over UDP."""
    if not data.endswith(b"\r\n"):
        return False
    name, _, value = data[:-2].rpartition(b"\r\n")[2].partition(b":")
    return name.rstrip(b" \t").lower() in (b"content-length", b"l") and value.strip(b" \t") == b"0"


def _start_line(line: str) -> Request | Response | Malformed:
    if line.startswith("SIP/2.0 ") and line[11:12] == " " and line[8:11] in _STATUSES:
        return Response(_STATUSES[line[8:11]], line[12:])
    parts = line.split(" ")
    if len(parts) == 3 and parts[2] == "SIP/2.0" and parts[0] != "SIP/2.0":
        method, uri = parts[0], parts[1]
        if method not in _METHODS and not is_token(method):
            return Malformed(400, "the method is not a token")
        if not uri or uri[0] == "<":
            return Malformed(400, "the Request-URI is not a URI", Request(method, uri))
        return Request(method, uri)
    if parts[0][:4].upper() == "SIP/":
        version, _, rest = line.partition(" ")
        code, _, words = rest.partition(" ")
        if version.upper() != "SIP/2.0":
            return Malformed(505, "the version is not SIP/2.0")
        if len(code) != 3 or not code.isdecimal() or not code.isascii() or not 100 <= int(code) <= 699:
            return Malformed(400, "the status code is not one of 100 to 699")
        return Response(int(code), words)
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not is_token(method) or not uri:
        return Malformed(400, "this is not a start line of SIP")
    if version.upper() == "SIP/2.0" and " " not in uri.strip(" ") and uri == uri.strip(" ") and "\t" not in uri:
        return Request(method, uri) if uri else Malformed(400, "there is no Request-URI", Request(method, ""))
    if version[:4].upper() == "SIP/" and version.upper() != "SIP/2.0":
        return Malformed(505, "the version is not SIP/2.0", Request(method, uri))
    return Malformed(400, "the request line is malformed", Request(method, uri))


def _fill(message: _Message, lines: list[str], rest: bytes, complete: bool) -> Malformed | None:
    """Index the header lines, cut the body, and type what messages are matched by."""
    values: dict[str, str] = {}
    more: dict[str, list[str]] = {}
    message._lines, message._values, message._more = lines, values, more
    message.body, message.call_id, message.cseq, message.cseq_method = b"", "", 0, ""
    message._from_tag = message._to_tag = _UNREAD
    problem: Malformed | None = None
    names = NAMES
    if len(lines) > MOST_LINES:
        problem = Malformed(400, "too many header lines")
        rest_of_them = lines[MOST_LINES:]
        # Its answer is known by these, wherever they stand.
        lines[MOST_LINES:] = [line for line in rest_of_them if names.get(line.partition(":")[0]) in _REPEATED][:4]
    for line in lines:
        colon = line.find(":")
        if colon < 0:
            colon = len(line)
        name = line[:colon]
        key = names.get(name)
        if key is None:
            key = key_of(name) if colon < len(line) else ""
            if not key:
                problem = problem or Malformed(400, "a header line has no name")
                continue
        if key in values:
            more.setdefault(key, []).append(line[colon + 1 :])
        else:
            values[key] = line[colon + 1 :]
    if not complete:
        problem = problem or Malformed(400, "no empty line ends the headers")
    return problem or _essentials(message, values, more, rest)


def _essentials(message: _Message, values: dict[str, str], more: dict[str, list[str]], rest: bytes) -> Malformed | None:
    via = values.get("via")
    if via is None:
        return Malformed(400, "there is no Via")
    try:
        message.via, message._other_vias = first_via(via.strip(" \t"))
    except ViaError as error:
        return Malformed(400, f"Via: {error}")
    if more:
        for key in _SINGLE:
            if key in more:
                return Malformed(400, f"{key} stands more than once")
    cseq = values.get("cseq")
    call_id, caller, callee = values.get("call-id"), values.get("from"), values.get("to")
    if cseq is None or call_id is None or caller is None or callee is None:
        missing = next(name for name in ("from", "to", "call-id", "cseq") if name not in values)
        return Malformed(400, f"{missing} is missing")
    number, _, method = cseq.strip(" \t").partition(" ")
    if not (number.isdigit() and number.isascii() and method and len(number) < 11):
        match = _CSEQ.fullmatch(cseq.strip(" \t"))
        if match is None:
            return Malformed(400, "CSeq is not a number and a method")
        number, method = match[1], match[2]
    message.cseq, message.cseq_method = int(number), method.strip(" \t")
    if message.cseq > LARGEST_CSEQ:
        return Malformed(400, "the CSeq number is above 2**32-1")
    if type(message) is Request and message.cseq_method != message.method:
        return Malformed(400, "CSeq names another method than the request line")
    call_id = message.call_id = call_id.strip(" \t")
    if not (call_id and caller.strip(" \t") and callee.strip(" \t")):
        return Malformed(400, "From, To or Call-ID is empty")
    length = values.get("content-length")
    if length is None:
        message.body = rest
        return None
    length = length.strip(" \t")
    if not (length.isdigit() and length.isascii() and len(length) < 11):
        return Malformed(400, "Content-Length is not a number")
    size = int(length)
    if size > len(rest):
        return Malformed(400, "Content-Length is larger than the message")
    message.body = rest if size == len(rest) else rest[:size]
    return None


def _ended_otherwise(data: bytes) -> Malformed:
    """What it deserves whose lines end with LF alone: a script that writes so is told what is wrong with it."""
    found = parse(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    if isinstance(found, Response):
        request = None
    else:
        request = found.request if isinstance(found, Malformed) else found
    if request is None or request.method == "ACK":
        return Malformed(400, "lines end with LF alone")
    return Malformed(400, "lines end with LF alone", request)


def _answerable(fault: Malformed, message: Request | Response) -> Malformed:
    """The fault, with the request to answer when its Via and what a response repeats could be read."""
    if not isinstance(message, Request) or message.method == "ACK":
        return Malformed(fault.status, fault.reason)
    values = message._values
    if not hasattr(message, "via"):
        try:
            message.via, message._other_vias = first_via(values["via"].strip(" \t"))
        except (ViaError, KeyError):
            via = salvage_via(values.get("via", "").strip(" \t"))
            if via is None:
                return Malformed(fault.status, fault.reason)
            message.via, message._other_vias = via, ""
    return Malformed(fault.status, fault.reason, message)
