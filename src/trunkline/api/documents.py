"""`python -m trunkline.api.documents docs` writes the OpenAPI document of every surface into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from trunkline import __version__
from trunkline.api.openapi import encode
from trunkline.api.surface import Surface
from trunkline.api.surfaces import NATIVE, surfaces


def file_of(surface: Surface) -> str:
    """The name of its file: `openapi.json` for the native one, `openapi-telephony.json` for that of telephony."""
    return "openapi.json" if surface.name == NATIVE.name else f"openapi-{surface.name}.json"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for surface in surfaces():
        (folder / file_of(surface)).write_bytes(encode(surface, __version__))


if __name__ == "__main__":
    main()
