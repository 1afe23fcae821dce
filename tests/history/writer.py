"""Adds boots to a history, one after the other, and tells the id of each once it is stored."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bootwright.history.boot import Boot
from bootwright.history.history import History
from bootwright.timelines.evidence import Evidence, Pass
from tests.history.samples import HOST, SUMMARY


def main(path: Path, count: int) -> None:
    history = History(path)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(count):
        # What cannot be compressed takes several pages.
        told = Evidence(clean=Pass(kernel_log=os.urandom(20_000).hex()))
        print(history.add(Boot(summary=SUMMARY, evidence=told, host=HOST)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
