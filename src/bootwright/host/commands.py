"""Running other programs; each command line can be shown, ready to paste (--debug)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

Argument = str | os.PathLike[str]


def announce(argv: Sequence[Argument]) -> None:
    """Log *argv* at debug level."""
    if "logging" not in sys.modules:
        return  # not in use; a boot need not wait for its import
    import logging
    import shlex

    log = logging.getLogger(__name__)
    if log.isEnabledFor(logging.DEBUG):
        log.debug("+ %s", shlex.join(os.fspath(word) for word in argv))


def run(argv: Sequence[Argument]) -> subprocess.CompletedProcess[str]:
    """Run *argv* without input; the caller checks its exit status."""
    announce(argv)
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        # Callers look for English words in the output.
        env=dict(os.environ, LC_ALL="C.UTF-8"),
    )
