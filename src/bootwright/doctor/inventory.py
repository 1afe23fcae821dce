"""What is ours on this host: alive, at rest, left behind, damaged; and how much room it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bootwright.doctor import blockdevices
from bootwright.doctor.check import Check, asked
from bootwright.errors import BootwrightError, FormatError, GuestError, InputError
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.host import mounts, processes
from bootwright.host.space import existing
from bootwright.host.trees import used_bytes
from bootwright.images.image import image_store, load_image
from bootwright.kernels.kernel import kernel_store, load_kernel
from bootwright.machines import control, recovery
from bootwright.machines.folder import (
    MachineFolder,
    all_machines,
    foreign_entries,
    unfinished_folders,
)
from bootwright.pruning.prune import find_prunable
from bootwright.reports.text import age, size
from bootwright.store import Store
from bootwright.trims import store

_RERUN = "bootwright doctor --fix, or the next bootwright ps, gives it back"


def examine(home: Home) -> list[Check]:
    """Look at machines and stores, changing nothing."""
    return [
        *asked("machines", lambda: _machines(home), area="ours"),
        *asked("devices", lambda: blockdevices.examine(home), area="ours"),
        *asked("images", lambda: _shelf(image_store(home), home), area="store"),
        *asked("kernels", lambda: _shelf(kernel_store(home), home), area="store"),
        *asked("trims", lambda: _trims(home), area="store"),
        *asked("history", lambda: _history(home), area="store"),
        *asked("space", lambda: _space(home), area="store"),
    ]


def _machines(home: Home) -> Iterator[Check]:
    every = all_machines(home)
    for folder in every:
        yield machine(folder)
    if not every:
        yield Check(area="ours", name="machines", state="ok", text="there is none")
    for folder in unfinished_folders(home):
        yield Check(
            area="ours",
            name="orphan",
            state="warning",
            text=f"{folder.path}: a crash left it half made or half removed",
            hint=_RERUN,
            fixable=True,
        )
    for path in foreign_entries(home):
        yield Check(
            area="ours",
            name=path.name,
            state="note",
            text=f"{path} lies among the machines and is none of ours: it is left alone",
        )


def machine(folder: MachineFolder) -> Check:
    """Say how one machine is."""
    name = f"machine {folder.name}"
    if folder.is_alive():
        return _alive(name, folder)
    try:
        if not recovery.is_reclaimed(folder):
            return Check(
                area="ours",
                name=name,
                state="warning",
                text=f"orphaned: its monitor is dead{_left(folder)}",
                hint=_RERUN,
                fixable=True,
            )
        folder.spec()
        last = folder.last_end()
    except FormatError as error:
        return Check(
            area="ours", name=name, state="problem", text=f"damaged: {error}", hint=error.hint
        )
    if last is None or not last.is_crash:
        return Check(area="ours", name=name, state="ok", text="stopped")
    since = age(last.ended_s, time.time())
    return Check(
        area="ours",
        name=name,
        state="note",
        text=f"crashed: {last.text} ({'started' if last.reason == 'lost' else 'ended'} {since}); "
        "its disk is as it was at that moment",
        hint=f"bootwright start {folder.name}, or bootwright rm {folder.name}",
    )


def _alive(name: str, folder: MachineFolder) -> Check:
    try:
        status = control.status(folder)
    except InputError:
        return Check(area="ours", name=name, state="ok", text="ended just now")
    except GuestError as error:
        return Check(
            area="ours",
            name=name,
            state="problem",
            text=f"unresponsive: {error}",
            hint=f"bootwright rm --force {folder.name} kills its monitor, and with it the VMM",
        )
    detail = f" ({status.detail})" if status.detail else ""
    return Check(
        area="ours",
        name=name,
        state="warning" if status.state == "paused" else "ok",
        text=f"alive, {status.state}{detail}; monitor {status.monitor_pid}, "
        f"VMM {status.vmm_pid or 'not started yet'}",
        hint="free some space: it goes on by itself" if status.state == "paused" else "",
    )


def _left(folder: MachineFolder) -> str:
    """Say what a dead monitor had taken."""
    words = []
    for row in folder.journal.owned():
        if row.kind == "file":
            if (folder.path / row.name).exists():
                words.append(f"file {row.name}")
        else:
            words += [f"process {pid} ({row.name})" for pid in processes.with_token(row.token)]
    return f"; it left {', '.join(words)}" if words else ""


def _shelf(shelf: Store, home: Home) -> Iterator[Check]:
    load = load_image if shelf.noun == "image" else load_kernel
    names = shelf.names()
    for name in names:
        try:
            load(home, name)
        except BootwrightError as error:
            hint = error.hint or f"bootwright {shelf.noun} rm {name}"
            yield Check(
                area="store",
                name=f"{shelf.noun} {name}",
                state="problem",
                text=str(error),
                hint=hint,
            )
    for path in shelf.abandoned():
        yield Check(
            area="store",
            name="orphan",
            state="warning",
            text=f"{path}: left half made by a process that was killed ({size(used_bytes(path))})",
            hint=f"bootwright doctor --fix, or the next {shelf.noun} that is made, removes it",
            fixable=True,
        )
    text = f"{len(names)}: {', '.join(names)}" if names else "none yet"
    yield Check(area="store", name=f"{shelf.noun}s", state="ok", text=text)


def _trims(home: Home) -> Iterator[Check]:
    names = store.names(home)
    for name in names:
        try:
            store.load(home, name)
        except BootwrightError as error:
            yield Check(
                area="store",
                name=f"trim {name}",
                state="problem",
                text=str(error),
                hint=error.hint,
            )
    used = size(used_bytes(home.trims)) if names else ""
    text = f"{len(names)}: {', '.join(names)} ({used})" if names else "none yet"
    yield Check(area="store", name="trims", state="ok", text=text)


def _history(home: Home) -> Iterator[Check]:
    history = History(home.history)
    try:
        count = history.count()
    except BootwrightError as error:
        yield Check(area="store", name="history", state="problem", text=str(error), hint=error.hint)
        return
    used = size(history.used_bytes())
    text = f"{_boots(count)} in {home.history} ({used})" if count else "no boot yet"
    yield Check(area="store", name="history", state="ok", text=text)
    kind = mounts.kind(existing(home.state))
    if mounts.is_network(kind):
        yield Check(
            area="store",
            name="history",
            state="note",
            text=f"{home.state} is on {kind}: where its locks fail, boots of two hosts at once may "
            "damage the history",
            hint="let BOOTWRIGHT_HOME, or XDG_STATE_HOME, name a folder on a local disk",
        )


def _boots(count: int) -> str:
    return "1 boot" if count == 1 else f"{count} boots"


def _space(home: Home) -> Iterator[Check]:
    sizes = {
        "images": home.images,
        "kernels": home.kernels,
        "trims": home.trims,
        "machines": home.machines,
        "guest files": home.files,
        "logs": home.logs,
        "caches": home.cache,
    }
    used = {what: used_bytes(folder) for what, folder in sizes.items()}
    used["history"] = History(home.history).used_bytes()
    parts = ", ".join(f"{what} {size(taken)}" for what, taken in used.items() if taken)
    yield Check(
        area="store",
        name="space",
        state="ok",
        text=f"{size(sum(used.values()))} in all" + (f": {parts}" if parts else ""),
    )
    idle = sum(item.used_bytes for item in find_prunable(home, everything=False).items)
    if idle:
        text = f"{size(idle)} is used by nobody"
        yield Check(
            area="store", name="space", state="ok", text=text, hint="bootwright prune frees it"
        )
