"""The ``bootwright`` command."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import AbstractContextManager, nullcontext

_INTERRUPTED = 130
"""As `cli.main.INTERRUPTED`, which may not be imported yet when it is needed."""


def main() -> None:
    """Run the command line; the process ends here."""
    try:
        # Imports leave no garbage; looking for it takes a tenth of their time.
        gc.disable()
        # A boot begins when its command is entered.
        from bootwright.host.clock import process_start_ns

        entered_ns = process_start_ns()
        with _monitor_ahead(sys.argv[1:]):
            from bootwright.cli.main import run

            status = run(sys.argv[1:], entered_ns)
        # Skip the interpreter's tidying: it would be 20 ms between the last thing done and our end.
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        # While we were still importing, or once more while the first one was dealt with.
        status = _INTERRUPTED
    os._exit(status)


def _monitor_ahead(arguments: list[str]) -> AbstractContextManager[None]:
    """Start a monitor before our own imports, where the command will most likely need one."""
    if arguments[:1] not in (["run"], ["start"]):
        return nullcontext()
    from bootwright.machines import monitor_process

    return monitor_process.started_ahead()


if __name__ == "__main__":
    main()
