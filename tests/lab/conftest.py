"""The laboratory: hosts of their own behind a NAT. Made for each test, in a fifth of a second."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.lab.network import Network


@pytest.fixture
def network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    if shutil.which("nft") is None:
        pytest.skip("tool: nft is not installed (Debian: nftables)")
    try:
        made = Network()
    except PermissionError as error:
        pytest.skip(f"network namespaces may not be made here: {error}")
    yield made
    made.close()
