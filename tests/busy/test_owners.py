"""Whose a device-mapper device is, over values: a mark alone proves nothing."""

from __future__ import annotations

from pathlib import Path

from bootwright.busy.holders import BlockDevices, holders
from bootwright.busy.mounting import of_device
from bootwright.busy.owners import Folders, Owner, of_mapped
from bootwright.disks.devicemapper import Mapped
from bootwright.disks.loop import Bound
from bootwright.host.openers import Openers

_FOLDERS = Folders(
    files={(1, 5): Path("/home/cow")}, roots=((1, Path("/home")),), alive=frozenset()
)


def _loop(inode: int, tag: str = "bootwright:web:cow") -> Bound:
    return Bound(
        number=3,
        device=1,
        inode=inode,
        file_name=tag,
        backing_file="/home/cow",
        read_only=False,
        autoclear=True,
        direct_io=False,
        offset=0,
        size_limit=0,
        holders=("dm-1",),
    )


def _mapped(name: str, uuid: str, *slaves: str) -> Mapped:
    return Mapped(
        name=name,
        uuid=uuid,
        major=253,
        minor=1,
        suspended=False,
        read_only=False,
        active=True,
        open_count=0,
        holders=(),
        slaves=slaves,
    )


def _owner(mapped: Mapped, inode: int, alive: frozenset[str] = frozenset()) -> Owner | None:
    folders = Folders(files=_FOLDERS.files, roots=_FOLDERS.roots, alive=alive)
    return of_mapped(mapped, [_loop(inode)], [mapped], folders)


def test_of_mapped_needs_the_uuid_and_the_folder_for_bootwrights() -> None:
    mapped = _mapped("bootwright-web", "BOOTWRIGHT-web", "loop3")
    dead, alive = _owner(mapped, 5), _owner(mapped, 5, frozenset({"web"}))
    assert dead is not None
    assert alive is not None
    assert (dead.state, dead.machine) == ("orphaned", "web")
    assert alive.state == "alive"


def test_of_mapped_treats_look_alikes_as_foreign() -> None:
    for mapped, inode in (
        (_mapped("bootwright-x", "LVM-x", "loop3"), 5),
        (_mapped("bootwright-x", "", "loop3"), 6),
        (_mapped("bootwright-web", "BOOTWRIGHT-web", "loop3"), 6),
        (_mapped("bootwright-web", "BOOTWRIGHT-web"), 6),
    ):
        owner = _owner(mapped, inode)
        assert owner is not None
        assert owner.state == "foreign", mapped
        assert owner.why
    assert _owner(_mapped("vg-root", "LVM-x", "loop3"), 6) is None


def test_holders_names_a_snapshot_that_holds_a_loop() -> None:
    mapped = _mapped("bootwright-web", "BOOTWRIGHT-web", "loop3")
    block_devices = BlockDevices(loops=(_loop(5),), mapped=(mapped,))
    [holder] = holders((7, 3), ("dm-1",), block_devices, Openers(), True)
    assert "dm-1 (bootwright-web)" in holder.text
    assert of_device("loop3", [holder]).message == "/dev/loop3 already mounted or mount point busy"


def test_of_loop_below_a_snapshot_is_its_machines() -> None:
    below = _mapped("bootwright-web-base", "BOOTWRIGHT-web-base", "loop3")
    image = _loop(5, "bootwright:1-5:base")
    for alive, state in ((frozenset({"web"}), "alive"), (frozenset[str](), "orphaned")):
        folders = Folders(files=_FOLDERS.files, roots=_FOLDERS.roots, alive=alive)
        owner = of_mapped(below, [image], [below], folders)
        assert owner is not None
        assert (owner.state, owner.machine) == (state, "web")


def test_holders_marks_a_stale_device_mapper_device() -> None:
    mapped = _mapped("left-over", "", "loop3")
    block_devices = BlockDevices(loops=(_loop(5),), mapped=(mapped,))
    [holder] = holders((7, 3), ("dm-1",), block_devices, Openers(), True)
    assert "nothing has that open" in holder.text
    assert holder.fix == "sudo dmsetup remove left-over"
