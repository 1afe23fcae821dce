"""A qemu-system-x86_64 that runs no guest, but speaks QMP and has a console and a mark port."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = "qemu-system-x86_64"

_SCRIPT = '''\
#!{python}
import json, os, re, signal, socket, sys, time
options = " ".join(sys.argv)
fds = dict(re.findall(r"socket,id=([a-z]+),fd=([0-9]+)", options))
qmp, console, marks = (socket.socket(fileno=int(fds[name])) for name in ("qmp", "console", "marks"))

def send(**value):
    qmp.sendall(json.dumps(value).encode() + b"\\r\\n")

def event(name, **data):
    send(event=name, data=data, timestamp=dict(seconds=1, microseconds=2))

def option(name):
    return sys.argv[sys.argv.index(name) + 1]

def answer():
    """Answer what is asked now; what a guest does comes after that."""
    send(id=asked["id"], **{{"return": {{}}}})

def mark(text):
    """Send a mark, with the token of the machine whose initrd this is."""
    with open(os.path.dirname(option("-initrd")) + "/identity.json") as file:
        marks.sendall(json.load(file)["token"].encode() + b" " + text.encode() + b"\\n")

def requests():
    """Yield what is asked; nothing stands between two requests."""
    decoder, text = json.JSONDecoder(), ""
    while data := qmp.recv(1 << 16):
        text += data.decode()
        while text:
            try:
                asked, end = decoder.raw_decode(text)
            except ValueError:
                break
            yield asked
            text = text[end:].lstrip()

def heard(command):
    """Do what a test wants to be done, and return what is answered; nothing: no answer."""
{behaviour}
    return {{}}

version = dict(qemu=dict(major=7, minor=2, micro=0), package="")
send(QMP=dict(version=version, capabilities=[]))
for asked in requests():
    command = asked["execute"]
    with open({log!r}, "a") as log:
        print(command, file=log)
    result = heard(command)
    if result is None:
        continue
    number = {{"id": asked["id"]}} if "id" in asked else {{}}
    if "error" in result:
        send(**number, error={{"class": "GenericError", "desc": result["error"]}})
    else:
        send(**number, **{{"return": result.get("text", result)}})
    if command == "quit":
        event("SHUTDOWN", guest=False, reason="host-qmp-quit")
        break
'''


class FakeQemu:
    """The fake on PATH, and what it was told.

    Args:
        folder: Where it is put; its programs go first from then on.
        behaviour: Lines of Python: the body of a function of ``command``.
    """

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str = "pass"
    ) -> None:
        self._log = folder / "qmp"
        program = folder / "bin" / PROGRAM
        program.parent.mkdir(exist_ok=True)
        body = "".join(f"    {line}\n" for line in behaviour.splitlines())
        program.write_text(
            _SCRIPT.format(python=sys.executable, behaviour=body.rstrip("\n"), log=str(self._log))
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def told(self) -> list[str]:
        """Return the commands that it was given over QMP."""
        return self._log.read_text().splitlines() if self._log.exists() else []


Fake = Callable[[str], FakeQemu]
"""Puts a fake with some behaviour on PATH."""
