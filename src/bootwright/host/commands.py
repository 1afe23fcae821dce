"""Running other programs; each command line can be shown, ready to paste (--debug)."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
from collections.abc import Sequence

_log = logging.getLogger(__name__)

Argument = str | os.PathLike[str]


def announce(argv: Sequence[Argument]) -> None:
    """Show *argv* to whoever listens."""
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("+ %s", shlex.join(os.fspath(word) for word in argv))


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
