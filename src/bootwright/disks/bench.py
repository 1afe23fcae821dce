"""Measure each kind of disk on this host: creation, first writes, removal, and page cache.

The measured files are in one folder beside the machines, so on their filesystem. It is removed
afterwards; the next run removes what a killed run left.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bootwright.disks import probing
from bootwright.disks.disk import DiskKind, DiskLocation, OpenedDisk
from bootwright.errors import HostError, InputError
from bootwright.events import Observer, Progress, ignore
from bootwright.home import Home
from bootwright.host import locks, mounts, space

MACHINES = 10
"""How many machines share one image in the memory measurement."""
MOST_RUNS = 20
_RUNS_S = 2.0
"""How long to repeat one kind of disk over one image, after the first."""
_WRITES = 48
_APART_BYTES = 1 << 20
_SPARSE_DATA_BYTES = 64 << 20
"""What of a sparse image is data, and what each of the ten machines reads."""
_PIECE_BYTES = 2 << 20
"""Of a full image: between two pieces is a hole of 4 KiB, so that they lie apart on the disk."""
_BLOCK = 4096
_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Nanoseconds of n runs."""

    n: int
    median_ns: int
    least_ns: int
    most_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """One kind of disk over one image. All times are medians; `spreads` has the rest."""

    disk: str
    image_bytes: int
    data_bytes: int
    """The size of the image's data, without holes."""
    create_ns: int
    """From an empty machine folder to a disk that a VMM can attach."""
    first_write_ns: int | None
    """4 KiB where nothing was written before, until the VMM's block layer has taken them (qemu-io);
    ``pmem``: until they are in memory. Nothing is flushed."""
    second_write_ns: int | None
    """The same, again to the same place."""
    destroy_ns: int
    """Until devices and files are gone."""
    spreads: dict[str, Spread]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """The page cache that ten machines use when they read the same data of one image."""

    disk: str
    machines: int
    read_bytes: int
    """Read by each machine."""
    cached_bytes: int
    """Pages of the image and of the ten disks in memory afterwards (mincore)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedBench:
    """A kind of disk that was not measured."""

    disk: str
    image_bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """The results of a benchmark."""

    filesystem: str
    results: tuple[BenchResult, ...]
    memory: tuple[CacheUse, ...]
    refused: tuple[SkippedBench, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """What to measure."""

    kinds: tuple[DiskKind, ...]
    sparse_bytes: tuple[int, ...]
    full_bytes: int
    """Of the one image that is full of data; 0: none."""


def check(home: Home, plan: BenchPlan) -> None:
    """Check that the plan fits on the machines' filesystem.

    Raises:
        InputError: an image size is too small, or not a multiple of 2 MiB.
        HostError: it does not fit.
    """
    for size in (*plan.sparse_bytes, *filter(None, (plan.full_bytes,))):
        if size < 2 * _SPARSE_DATA_BYTES or size % _PIECE_BYTES:
            raise InputError(
                f"invalid image size {size} bytes",
                hint="use a multiple of 2M, at least 128M",
            )
    # The image, and its copy.
    space.require(home.state, 2 * plan.full_bytes + _GIB, "measuring disks")


def measure(home: Home, plan: BenchPlan, observe: Observer = ignore) -> BenchReport:
    """Measure every kind of disk that works here.

    Raises:
        HostError: another process is measuring.
        InputError: see `check`.
    """
    check(home, plan)
    results: list[BenchResult] = []
    memory: list[CacheUse] = []
    refused: list[SkippedBench] = []
    images = [(size, False) for size in plan.sparse_bytes]
    images += [(plan.full_bytes, True)] if plan.full_bytes else []
    steps, done = (len(images) + 1) * (len(plan.kinds) + 1), 0
    with _bench_folder(home) as folder:
        image = folder / "image.raw"
        for size, is_full in images:
            what = f"{size / _GIB:g} GiB {'full' if is_full else 'sparse'}"
            observe(Progress(step=f"writing an image, {what}", share=done / steps))
            data = _write_image(image, size, is_full=is_full)
            for kind in plan.kinds:
                done += 1
                observe(Progress(step=f"{kind.name}, {what}", share=done / steps))
                place = _place(folder, image, size, kind.name)
                if unsupported := kind.unsupported(place):
                    refused.append(
                        SkippedBench(disk=kind.name, image_bytes=size, reason=unsupported.reason)
                    )
                else:
                    results.append(_measure_one(kind, place, data))
            done += 1
            image.unlink()
        _write_image(image, _GIB, is_full=False)
        for kind in plan.kinds:
            done += 1
            observe(Progress(step=f"{kind.name}, {MACHINES} machines", share=done / steps))
            place = _place(folder, image, _GIB, kind.name)
            if not kind.unsupported(place):
                memory.append(_memory_of(kind, place))
        return BenchReport(
            filesystem=mounts.kind(folder),
            results=tuple(results),
            memory=tuple(memory),
            refused=tuple(refused),
        )


@contextmanager
def _bench_folder(home: Home) -> Iterator[Path]:
    home.state.mkdir(parents=True, exist_ok=True)
    try:
        lock = locks.take(home.state / "bench.lock")
    except BlockingIOError:
        raise HostError(
            "another disk benchmark is running", hint="wait until it has finished"
        ) from None
    folder = home.state / "bench"
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of one that was killed
        folder.mkdir()
        with space.disk_full_explained(folder, "disks were measured"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (home.state / "bench.lock").unlink(missing_ok=True)
        os.close(lock)


def _write_image(image: Path, size_bytes: int, *, is_full: bool) -> int:
    """Write an image, and return how many bytes of it are data."""
    piece = os.urandom(_PIECE_BYTES - _BLOCK)
    written = 0
    with image.open("xb") as file:
        file.truncate(size_bytes)
        for begin in range(0, size_bytes if is_full else _SPARSE_DATA_BYTES, _PIECE_BYTES):
            written += os.pwrite(file.fileno(), piece, begin)
        os.fsync(file.fileno())
    return written


def _place(folder: Path, image: Path, size: int, name: str) -> DiskLocation:
    return DiskLocation(
        folder=folder / name,
        image=image,
        image_bytes=size,
        size_bytes=size,
        cache=folder / "cache",
        device=f"bench-{os.getpid()}",
    )


def _measure_one(kind: DiskKind, place: DiskLocation, data_bytes: int) -> BenchResult:
    creates: list[int] = []
    destroys: list[int] = []
    first: list[int] = []
    second: list[int] = []
    _made_once(kind, place)  # a template, say, is made for the first machine only
    begun = time.monotonic()
    while len(creates) < MOST_RUNS and (not creates or time.monotonic() - begun < _RUNS_S):
        with _made(kind, place, creates, destroys) as opened:
            if not first:
                first, second = _writes(opened, place)
    times = {"create": creates, "first_write": first, "second_write": second, "destroy": destroys}
    spreads = {name: _spread(values) for name, values in times.items() if values}
    return BenchResult(
        disk=kind.name,
        image_bytes=place.image_bytes,
        data_bytes=data_bytes,
        create_ns=spreads["create"].median_ns,
        first_write_ns=spreads["first_write"].median_ns if first else None,
        second_write_ns=spreads["second_write"].median_ns if second else None,
        destroy_ns=spreads["destroy"].median_ns,
        spreads=spreads,
    )


def _made_once(kind: DiskKind, place: DiskLocation) -> None:
    if not kind.is_slow:
        with _made(kind, place, [], []):
            pass


@contextmanager
def _made(
    kind: DiskKind, place: DiskLocation, creates: list[int], destroys: list[int]
) -> Iterator[OpenedDisk]:
    place.folder.mkdir()
    try:
        with ExitStack() as stack:
            begin = time.perf_counter_ns()
            kind.make(place, ignore)
            if kind.opened is None:
                opened = OpenedDisk(drives=kind.drives(place))
            else:
                opened = stack.enter_context(kind.opened(place))
            creates.append(time.perf_counter_ns() - begin)
            yield opened
            begin = time.perf_counter_ns()
    finally:
        shutil.rmtree(place.folder)
    destroys.append(time.perf_counter_ns() - begin)


def _writes(opened: OpenedDisk, place: DiskLocation) -> tuple[list[int], list[int]]:
    """Write 4 KiB at places far apart, twice each; return how long each write took."""
    drive = opened.drives[-1]
    places = drive.size_bytes // _APART_BYTES - 1
    if drive.form == "memory":
        places = min(places, _GIB // _APART_BYTES)
    # A new place each: every write begins a cluster, a chunk, a block.
    chosen = random.Random(7).sample(range(places), min(_WRITES, places))
    offsets = [number * _APART_BYTES for number in chosen]
    if drive.form == "memory":
        return probing.mapped_writes(drive.path, offsets)
    return probing.block_writes(drive, offsets)


def _memory_of(kind: DiskKind, place: DiskLocation) -> CacheUse:
    """Let ten machines' disks be read, and count what is in memory then."""
    probing.forget(place.image)
    place.folder.mkdir()
    try:
        with ExitStack() as stack:
            files = {place.image}
            for number in range(MACHINES):
                one = replace(
                    place,
                    folder=place.folder / str(number),
                    device=f"{place.device}-{number}",
                )
                one.folder.mkdir()
                kind.make(one, ignore)
                drives = kind.drives(one)
                if kind.opened is not None:
                    drives = stack.enter_context(kind.opened(one)).drives
                for path in one.folder.iterdir():
                    probing.forget(path)
                probing.read(drives[0], _SPARSE_DATA_BYTES)
                files |= {path.resolve() for path in one.folder.iterdir()}
            cached = sum(probing.resident_bytes(path, _SPARSE_DATA_BYTES) for path in files)
    finally:
        shutil.rmtree(place.folder)
    return CacheUse(
        disk=kind.name,
        machines=MACHINES,
        read_bytes=_SPARSE_DATA_BYTES,
        cached_bytes=cached,
    )


def _spread(values: list[int]) -> Spread:
    return Spread(
        n=len(values),
        median_ns=int(statistics.median(values)),
        least_ns=min(values),
        most_ns=max(values),
    )
