"""The ``bootwright`` command."""

from __future__ import annotations

import sys

from bootwright.cli import interrupts

TYPE_CHECKING = False  # typing's import would take longer than all of this
if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def main() -> None:
    """Run the command line; the process ends here."""
    # First of all: until then Python answers Ctrl-C with a traceback.
    interrupts.end_at_once()
    import gc
    import os

    from bootwright.cli import streams

    streams.prepare()
    try:
        # Imports leave no garbage; looking for it takes a tenth of their time.
        gc.disable()
        # A boot begins when its command is entered.
        from bootwright.host.clock import process_start_ns

        entered_ns = process_start_ns()
        with _monitor_ahead(sys.argv[1:]):
            from bootwright.cli.main import finish, run

            status = run(sys.argv[1:], entered_ns)
        status = finish(status)
    except KeyboardInterrupt as interrupt:
        # Once more, while the first one was dealt with.
        status = interrupts.status_of(interrupt)
    # Skip the interpreter's tidying: it would be 20 ms between the last thing done and our end.
    os._exit(status)


def _monitor_ahead(arguments: list[str]) -> AbstractContextManager[None]:
    """Start a monitor before our own imports, where the command will most likely need one."""
    if arguments[:1] not in (["run"], ["start"]):
        from contextlib import nullcontext

        return nullcontext()
    from bootwright.machines import monitor_process

    return monitor_process.started_ahead()


if __name__ == "__main__":
    main()
