"""`python -m trunkline`."""

from __future__ import annotations

import sys

from trunkline.cli import main

sys.exit(main())
