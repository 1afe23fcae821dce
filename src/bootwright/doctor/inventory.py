"""Checks of what bootwright created: machines, devices, stores, and the space they use."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bootwright.doctor import blockdevices
from bootwright.doctor.check import Check, run_check
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

_RECLAIM = "to reclaim it: bootwright doctor --fix (bootwright ps does so too)"


def examine(home: Home) -> list[Check]:
    """Check machines and stores; changes nothing."""
    return [
        *run_check("machines", lambda: _machines(home), area="bootwright"),
        *run_check("devices", lambda: blockdevices.examine(home), area="bootwright"),
        *run_check("images", lambda: _stored(image_store(home), home), area="store"),
        *run_check("kernels", lambda: _stored(kernel_store(home), home), area="store"),
        *run_check("trims", lambda: _trims(home), area="store"),
        *run_check("history", lambda: _history(home), area="store"),
        *run_check("space", lambda: _space(home), area="store"),
    ]


def _machines(home: Home) -> Iterator[Check]:
    every = all_machines(home)
    for folder in every:
        yield machine(folder)
    if not every:
        yield Check(area="bootwright", name="machines", state="ok", text="none")
    for folder in unfinished_folders(home):
        yield Check(
            area="bootwright",
            name="orphan",
            state="warning",
            text=f"{folder.path}: incomplete, left behind by a crash",
            hint=_RECLAIM,
            fixable=True,
        )
    for path in foreign_entries(home):
        yield Check(
            area="bootwright",
            name=path.name,
            state="note",
            text=f"{path} is not a machine: left alone",
        )


def machine(folder: MachineFolder) -> Check:
    """Check one machine."""
    name = f"machine {folder.name}"
    if folder.is_alive():
        return _running(name, folder)
    try:
        if not recovery.is_reclaimed(folder):
            return Check(
                area="bootwright",
                name=name,
                state="warning",
                text=f"orphaned: its monitor is dead{_left(folder)}",
                hint=_RECLAIM,
                fixable=True,
            )
        folder.spec()
        last = folder.last_end()
    except FormatError as error:
        return Check(
            area="bootwright", name=name, state="problem", text=f"damaged: {error}", hint=error.hint
        )
    if last is None or not last.is_crash:
        return Check(area="bootwright", name=name, state="ok", text="stopped")
    since = age(last.ended_s, time.time())
    return Check(
        area="bootwright",
        name=name,
        state="note",
        text=f"crashed: {last.text} ({'started' if last.reason == 'lost' else 'ended'} {since}); "
        "its disk is unchanged since",
        hint=f"bootwright start {folder.name}, or bootwright rm {folder.name}",
    )


def _running(name: str, folder: MachineFolder) -> Check:
    try:
        status = control.status(folder)
    except InputError:
        return Check(area="bootwright", name=name, state="ok", text="ended just now")
    except GuestError as error:
        return Check(
            area="bootwright",
            name=name,
            state="problem",
            text=f"unresponsive: {error}",
            hint=f"to kill its monitor and VMM: bootwright rm --force {folder.name}",
        )
    detail = f" ({status.detail})" if status.detail else ""
    return Check(
        area="bootwright",
        name=name,
        state="warning" if status.state == "paused" else "ok",
        text=f"{status.state}{detail}; monitor {status.monitor_pid}, "
        f"VMM {status.vmm_pid or 'not started yet'}",
        hint="free some space on the host: the machine then continues"
        if status.state == "paused"
        else "",
    )


def _left(folder: MachineFolder) -> str:
    """Describe the files and processes that a dead monitor left behind."""
    words = []
    for row in folder.journal.owned():
        if row.kind == "file":
            if (folder.path / row.name).exists():
                words.append(f"file {row.name}")
        else:
            words += [f"process {pid} ({row.name})" for pid in processes.with_token(row.token)]
    return f"; left behind: {', '.join(words)}" if words else ""


def _stored(objects: Store, home: Home) -> Iterator[Check]:
    load = load_image if objects.noun == "image" else load_kernel
    names = objects.names()
    for name in names:
        try:
            load(home, name)
        except BootwrightError as error:
            hint = error.hint or f"bootwright {objects.noun} rm {name}"
            yield Check(
                area="store",
                name=f"{objects.noun} {name}",
                state="problem",
                text=str(error),
                hint=hint,
            )
    for path in objects.abandoned():
        yield Check(
            area="store",
            name="orphan",
            state="warning",
            text=f"{path}: incomplete, left behind by a killed process ({size(used_bytes(path))})",
            hint="to remove it: bootwright doctor --fix",
            fixable=True,
        )
    text = f"{len(names)}: {', '.join(names)}" if names else "none yet"
    yield Check(area="store", name=f"{objects.noun}s", state="ok", text=text)


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
    text = f"{_boots(count)} in {home.history} ({used})" if count else "no boots yet"
    yield Check(area="store", name="history", state="ok", text=text)
    kind = mounts.kind(existing(home.state))
    if mounts.is_network(kind):
        yield Check(
            area="store",
            name="history",
            state="note",
            text=f"{home.state} is on {kind}: if file locks do not work there, two hosts that boot "
            "at the same time may damage the history",
            hint="set BOOTWRIGHT_HOME or XDG_STATE_HOME to a folder on a local disk",
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
        text=f"{size(sum(used.values()))} in total" + (f": {parts}" if parts else ""),
    )
    unused = sum(item.used_bytes for item in find_prunable(home, everything=False).items)
    if unused:
        text = f"{size(unused)} unused"
        yield Check(
            area="store", name="space", state="ok", text=text, hint="to free it: bootwright prune"
        )
