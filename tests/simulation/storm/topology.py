"""What one side may hear of the other: its words, and where its media is. Not its addresses, its Call-IDs and tags, nor
what it runs on. A transfer tells more, because somebody wants it told: worlds with one are not looked at."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from tests.simulation.edge import EDGE
from tests.simulation.storm.wire import Line, Wire

_HOST = re.compile(rb"192\.0\.2\.\d+")
_MAKER = re.compile(rb"^(?:User-Agent|Server): (.*)\r$", re.MULTILINE)
_TELLING = re.compile(rb"^(?:REFER |Replaces:|Refer-To:)", re.MULTILINE)
_ORIGIN = re.compile(rb"^o=.* IN IP4 (\S+)\r$", re.MULTILINE)


def transferred(wire: Wire) -> bool:
    """Whether anybody asked for one, the edge or somebody else."""
    return any(_TELLING.search(line.data) for line in [*wire.said, *wire.heard])


def disclosed(wire: Wire) -> Iterator[str]:
    """What the edge told one peer of another. What a peer has said itself it may hear again."""
    own: dict[str, set[bytes]] = defaultdict(set)
    names: dict[bytes, set[str]] = defaultdict(set)
    """Whose each Call-ID and tag is."""
    for line in wire.heard:
        own[line.peer] |= set(_HOST.findall(line.data))
        for name in _names(line):
            names[name].add(line.peer)
    for line in wire.said:
        # An INVITE's Call-ID and tag of ours is the peer's that was sent it.
        for name in _names(line):
            names[name].add(line.peer)
    for line in wire.said:
        head, _, body = line.data.partition(b"\r\n\r\n")
        head += b"\r\n"
        start = head.partition(b"\r\n")[0].decode()
        for host in set(_HOST.findall(head)) - own[line.peer] - {EDGE.encode(), line.peer.encode()}:
            yield f"{start} tells {line.peer} of {host.decode()}"
        # What an INFO carries is nobody's session description.
        for origin in set(_ORIGIN.findall(body if line.method != "INFO" else b"")) - {EDGE.encode()}:
            yield f"{start} tells {line.peer} of a session of {origin.decode()}"
        for maker in _MAKER.findall(head):
            if maker != b"Trunkline":
                yield f"{start} tells {line.peer} of {maker.decode()}"
        for word in set(re.split(rb"[^\w.@-]+", head)):
            if word in names and line.peer not in names[word]:
                yield f"{start} tells {line.peer} {word.decode()} of {names[word]}"


def _names(line: Line) -> Iterator[bytes]:
    message = line.message
    for name in (message.call_id, message.from_tag, message.to_tag):
        if name and len(name) > 8:
            yield name.encode()
