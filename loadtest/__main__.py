"""`python -m loadtest`."""

from __future__ import annotations

import sys

from loadtest.bench import main

sys.exit(main())
