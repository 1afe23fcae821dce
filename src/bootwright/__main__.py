"""The command ``bootwright``."""

from __future__ import annotations

import os
import sys

_INTERRUPTED = 130
"""As `cli.main.INTERRUPTED`, which may not be imported yet when it is needed."""


def main() -> None:
    """Run the command line; the process ends here."""
    try:
        # First of all: a boot begins when its command is entered.
        from bootwright.host.clock import process_start_ns

        entered_ns = process_start_ns()
        from bootwright.cli.main import run

        status = run(sys.argv[1:], entered_ns)
        # Skip the interpreter's tidying: it would be 20 ms between the last thing done and our end.
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        # While we were still importing, or once more while the first one was dealt with.
        status = _INTERRUPTED
    os._exit(status)


if __name__ == "__main__":
    main()
