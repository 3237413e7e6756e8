"""Four hosts in network namespaces of their own, on wires of their own:

```
    outside ────────────── nat ────────────── inside ────────── beyond
    198.51.100.10, .11     .1 ┊ 10.77.1.1     10.77.1.2         10.77.2.2
                                              10.77.2.1
```

Only root may make them. What a test starts within `at` is on that host, and so are the sockets it opens there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyroute2 import IPRoute, netns

OUTSIDE: Final = "198.51.100.10"
CALLER: Final = "198.51.100.11"
PUBLIC: Final = ("198.51.100.1", "198.51.100.2")
"""What the NAT is seen as: at first, and when its provider has given it another address."""
INSIDE: Final = "10.77.1.2"
TOWARDS_BEYOND: Final = "10.77.2.1"
BEYOND: Final = "10.77.2.2"
_GATEWAY: Final = "10.77.1.1"
_HOSTS: Final = ("outside", "nat", "inside", "beyond")
# Ports are not kept, as by most carrier-grade NATs: who believed its own port would not be reached.
_NAT: Final = """\
table ip nat {
  chain arriving {
    type nat hook prerouting priority dstnat;
  }
  chain leaving {
    type nat hook postrouting priority srcnat;
    oifname "uplink" ip protocol { udp, tcp } masquerade to :40000-49999 random
  }
}
table ip filter {
  chain through {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ct status dnat accept
    iifname "lan" accept
  }
}
"""


class Network:
    """The hosts and their wires; `close` takes all away. Raises `OSError` where it may not be made."""

    def __init__(self) -> None:
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._names = {host: f"trunkline-{os.getpid()}-{host}" for host in _HOSTS}
        self._address = PUBLIC[0]
        made = []
        try:
            for name in self._names.values():
                netns.create(name)
                made.append(name)
            self._wire()
        except BaseException:
            for name in made:
                netns.remove(name)
            os.close(self._home)
            raise

    @contextmanager
    def at(self, host: str) -> Iterator[None]:
        """Be on this host. Programs that are started stay there."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            netns.setns(self._names[host])
            yield
        finally:
            netns.setns(before)
            os.close(before)

    def forward(self, port: int) -> None:
        """What comes to this port of the NAT goes to the same of `inside`, as a cloud's public address does it."""
        rule = f'iifname "uplink" ip protocol {{ udp, tcp }} th dport {port} dnat to {INSIDE}'
        with self.at("nat"):
            subprocess.run(["nft", f"add rule ip nat arriving {rule}"], check=True, timeout=10)

    def forget_after(self, seconds: int) -> None:
        """How long the NAT keeps a mapping that nobody uses."""
        with self.at("nat"):
            for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
                Path(f"/proc/sys/net/netfilter/{name}").write_text(str(seconds))

    def move(self) -> None:
        """The NAT gets its other address; what was mapped to the old one is gone."""
        old, new = self._address, next(address for address in PUBLIC if address != self._address)
        with self.at("nat"), IPRoute() as routes:
            index = routes.link_lookup(ifname="uplink")[0]
            routes.addr("del", index=index, address=old, prefixlen=24)
            routes.addr("add", index=index, address=new, prefixlen=24)
        self._address = new

    def close(self) -> None:
        netns.setns(self._home)
        os.close(self._home)
        for name in self._names.values():
            netns.remove(name)

    # ── making it ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _wire(self) -> None:
        self._connect("outside", "eth0", (OUTSIDE, CALLER), "nat", "uplink", (self._address,))
        self._connect("nat", "lan", (_GATEWAY,), "inside", "eth0", (INSIDE,))
        self._connect("inside", "eth1", (TOWARDS_BEYOND,), "beyond", "eth0", (BEYOND,))
        for host, gateway in (("inside", _GATEWAY), ("beyond", TOWARDS_BEYOND)):
            with self.at(host), IPRoute() as routes:
                routes.route("add", dst="default", gateway=gateway)
        with self.at("nat"):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            subprocess.run(["nft", "-f", "-"], input=_NAT, text=True, check=True, timeout=10)

    def _connect(
        self, one: str, device: str, places: tuple[str, ...], other: str, its_device: str, its_places: tuple[str, ...]
    ) -> None:
        with self.at(one), IPRoute() as routes:
            peer = {"ifname": its_device, "net_ns_fd": self._names[other]}
            routes.link("add", ifname=device, kind="veth", peer=peer)
        for host, name, addresses in ((one, device, places), (other, its_device, its_places)):
            with self.at(host), IPRoute() as routes:
                index = routes.link_lookup(ifname=name)[0]
                for address in addresses:
                    routes.addr("add", index=index, address=address, prefixlen=24)
                routes.link("set", index=index, state="up")
                routes.link("set", index=routes.link_lookup(ifname="lo")[0], state="up")
