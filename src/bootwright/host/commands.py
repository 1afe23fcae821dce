"""Running other programs; each command line can be shown, ready to paste (--debug)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

Argument = str | os.PathLike[str]


def announce(argv: Sequence[Argument]) -> None:
    """Show *argv* to whoever listens."""
    if "logging" not in sys.modules:
        return  # nobody does; a boot need not wait for its import
    import logging
    import shlex

    log = logging.getLogger(__name__)
    if log.isEnabledFor(logging.DEBUG):
        log.debug("+ %s", shlex.join(os.fspath(word) for word in argv))


def run(argv: Sequence[Argument]) -> subprocess.CompletedProcess[str]:
    """Run *argv* to its end without input; that it fails is for the caller to see."""
    announce(argv)
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        # We look for words in what programs say.
        env=dict(os.environ, LC_ALL="C.UTF-8"),
    )
