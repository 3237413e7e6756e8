"""Which trunks a source address may be: CIDR blocks to trunk ids, longest prefix first, IPv4 and IPv6.

All the blocks that hold an address count, not the longest alone: carriers signal for all their customers from the same
networks, and what tells the customers apart comes later. The prefix lengths in use are few, so a look-up is one
dict access for each of them; its answer is remembered until a block changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from trunkline.model.trunk import Trunk

Block = tuple[int, int, int]
"""IP version, prefix length, and the network's address without its host bits, shifted out."""

REMEMBERED: Final = 4096
"""Sources whose answer is kept; carriers have hundreds, a flood from forged sources has any number."""

_BITS: Final = {4: 32, 6: 128}


class Networks:
    __slots__ = ("_answers", "_blocks", "_lengths", "_used")

    def __init__(self) -> None:
        self._blocks: dict[Block, dict[str, None]] = {}
        """Trunk ids by block, in the order they came: a dict, because a thousand customers share a carrier's block."""
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        """Prefix lengths in use, longest first."""
        self._used: dict[tuple[int, int], int] = {}
        """How many blocks there are of each version and length."""
        self._answers: dict[str, Mapping[str, int]] = {}

    def find(self, host: str) -> Mapping[str, int]:
        """Ids of the trunks with a block that holds this literal address, each with the length of its longest one, in
        falling order of that length."""
        answer = self._answers.get(host)
        if answer is None:
            answer = self._find(host)
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[host] = answer
        return answer

    def meets(self, block: Block) -> bool:
        """Whether any block has an address in common with this one. It looks at every block that is longer."""
        version, length, value = block
        for other in self._lengths[version]:
            if other <= length and (version, other, value >> (length - other)) in self._blocks:
                return True
        return any(
            held[0] == version and held[1] > length and held[2] >> (held[1] - length) == value for held in self._blocks
        )

    def put(self, id: str, old: Iterable[Block], new: Iterable[Block]) -> None:
        """Trunk `id`, which had the blocks `old`, has the blocks `new` from now on."""
        before, after = set(old), set(new)
        if before == after:
            return
        for block in before - after:
            holders = self._blocks[block]
            del holders[id]
            if not holders:
                del self._blocks[block]
                self._count(block, -1)
        for block in after - before:
            if block not in self._blocks:
                self._blocks[block] = {}
                self._count(block, +1)
            self._blocks[block][id] = None
        self._answers.clear()

    def _count(self, block: Block, step: int) -> None:
        version, length, _ = block
        used = self._used.get((version, length), 0) + step
        if used:
            self._used[version, length] = used
        else:
            del self._used[version, length]
        lengths = self._lengths[version]
        if used == 1 and length not in lengths:
            lengths.append(length)
            lengths.sort(reverse=True)
        elif not used:
            lengths.remove(length)

    def _find(self, host: str) -> Mapping[str, int]:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return {}
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        version, value, bits = address.version, int(address), _BITS[address.version]
        found: dict[str, int] = {}
        for length in self._lengths[version]:
            for id in self._blocks.get((version, length, value >> (bits - length)), ()):
                found.setdefault(id, length)
        return found


@lru_cache(maxsize=REMEMBERED)
def block(text: str) -> Block:
    """The block that this text in CIDR form means. Raises ValueError."""
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            network = IPv4Network((int(mapped), network.prefixlen - 96))
    length = network.prefixlen
    return network.version, length, int(network.network_address) >> (network.max_prefixlen - length)


def blocks(trunk: Trunk, found: Iterable[str] = ()) -> tuple[Block, ...]:
    """The blocks its requests may come from. Raises ValueError for what is no address block.

    Without networks of its own, a trunk whose host is a literal address is at that address, and one whose host is a
    name is at the addresses `found` for it.
    """
    if trunk.networks:
        return tuple([block(text) for text in trunk.networks])
    literal = _literal(trunk)
    if literal is not None:
        return (literal,)
    return tuple([block(address) for address in found]) if by_name(trunk) else ()


def by_name(trunk: Trunk) -> bool:
    """Whether its requests come from the addresses that its host's name leads to. A voice engine brings no calls."""
    return bool(trunk.host) and not trunk.networks and not trunk.engine and _literal(trunk) is None


def _literal(trunk: Trunk) -> Block | None:
    """Its host, when that is a literal address."""
    host = (trunk.host or "").strip("[]")
    if not host[:1].isdigit() and ":" not in host:
        return None
    try:
        return block(host)
    except ValueError:
        return None
