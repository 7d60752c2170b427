"""`python -m firstbell.backup.engine`, and the entry of the packed engine."""

from __future__ import annotations

import sys

from firstbell.backup.engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
