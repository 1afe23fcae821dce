"""Room on the disks, our folders, and our keys."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bootwright.doctor import storage
from bootwright.doctor.check import Check
from bootwright.home import Home

MIB = 1 << 20


def room(free_mib: int, free_inodes: int | None = None, *holds: str) -> list[Check]:
    return list(
        storage.room(
            Path("/srv"),
            holds or ("data", "state"),
            free_bytes=free_mib * MIB,
            free_inodes=free_inodes,
        )
    )


@pytest.mark.parametrize(
    ("free_mib", "state", "text"),
    [
        (2048, "ok", "2.0 GiB"),
        (1024, "ok", "1.0 GiB"),
        (1023, "warning", "1023.0 MiB"),
        (256, "warning", "256.0 MiB"),
        (255, "problem", "255.0 MiB"),
        (0, "problem", "0 B"),
    ],
)
def test_storage_room_levels(free_mib: int, state: str, text: str) -> None:
    [check] = room(free_mib)
    assert (check.area, check.name, check.state) == ("host", "disk space", state)
    assert check.text == f"{text} free on /srv (data, state)"
    assert (check.hint == "") == (state == "ok")


def test_storage_room_hints_when_space_is_low() -> None:
    assert room(1)[0].hint == (
        "free some space (bootwright prune), or set BOOTWRIGHT_HOME to a folder on another disk"
    )
    assert room(1, None, "temporary files")[0].hint == (
        "free some space, or set TMPDIR to a folder on another disk"
    )


@pytest.mark.parametrize(("inodes", "state"), [(19_999, "warning"), (999, "problem")])
def test_storage_room_warns_of_few_inodes(inodes: int, state: str) -> None:
    space, files = room(2048, inodes)
    assert space.state == "ok"
    assert (files.name, files.state) == ("disk space", state)
    assert files.text == (
        f"{inodes} free inodes on /srv (data, state); a small Debian system needs about 11000"
    )
    assert files.hint == "remove small files there; to see inodes: df -i"


@pytest.mark.parametrize("inodes", [20_000, None])
def test_storage_room_omits_inodes_when_enough(inodes: int | None) -> None:
    assert len(room(2048, inodes)) == 1


def test_storage_space_has_a_row_for_each_filesystem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home = Home(data=tmp_path / "a" / "b", state=tmp_path, cache=Path("/proc/not made"))
    first, proc = storage.space(home)
    assert first.text.endswith(
        f" free on {storage.mount_point(tmp_path)} (data, state, temporary files)"
    )
    # It has neither space nor inodes, and sets no limit of the latter.
    assert (proc.state, proc.text) == ("problem", "0 B free on /proc (cache)")


def test_storage_space_is_that_of_the_disk(tmp_path: Path) -> None:
    home = Home(data=tmp_path, state=tmp_path, cache=tmp_path)
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    found = [check.text for check in storage.space(home)]
    # Others write to the disk between the two looks.
    assert any(abs(float(text.split()[0]) - free / (1 << 30)) < 1 for text in found), found


def test_storage_space_without_a_temporary_folder(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", refuse)
    nowhere, usable = storage.space(home)
    assert (nowhere.state, nowhere.text) == (
        "problem",
        "no usable folder for temporary files: No usable temporary directory found in ['/tmp']",
    )
    assert nowhere.hint == "set TMPDIR to a folder that you can write to"
    assert usable.text.endswith("(data, state, cache)")


def test_storage_mount_point_finds_the_mount(tmp_path: Path) -> None:
    assert storage.mount_point(Path("/proc/self/fd")) == Path("/proc")
    assert storage.mount_point(Path("/")) == Path("/")
    (tmp_path / "link").symlink_to("/proc/sys")
    assert storage.mount_point(tmp_path / "link") == Path("/proc")


def writable(folder: Path) -> Check:
    [check] = storage.writable("data", folder)
    assert (check.area, check.name) == ("bootwright", "data")
    return check


def test_storage_writable_accepts_the_users_folder(tmp_path: Path) -> None:
    check = writable(tmp_path)
    assert (check.state, check.text) == ("ok", str(tmp_path))


def test_storage_writable_accepts_a_folder_that_can_be_made(tmp_path: Path) -> None:
    check = writable(tmp_path / "a" / "b")
    assert (check.state, check.text) == ("ok", f"{tmp_path}/a/b, not created yet")
    assert list(tmp_path.iterdir()) == []


def test_storage_writable_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check = writable(tmp_path / "file")
    assert (check.state, check.text) == (
        "problem",
        f"cannot use {tmp_path}/file: {tmp_path}/file is not a folder",
    )
    assert check.hint == "set BOOTWRIGHT_HOME to a folder that you can write to"
    assert writable(tmp_path / "file" / "below").text == (
        f"cannot use {tmp_path}/file/below: {tmp_path}/file is not a folder"
    )


@pytest.mark.usefixtures("ordinary")
def test_storage_writable_refuses_a_folder_of_others() -> None:
    check = writable(Path("/proc/bootwright"))
    assert (check.state, check.text) == (
        "problem",
        "cannot use /proc/bootwright: no permission to write to /proc",
    )


def test_storage_writable_refuses_a_folder_without_search_permission(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tmp_path.chmod(0o000)
    request.getfixturevalue("ordinary")
    folder = tmp_path / "data"
    assert writable(folder).text == f"cannot use {folder}: Permission denied"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts something, which needs root")
def test_storage_writable_refuses_a_read_only_filesystem(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", tmp_path], check=True)
    try:
        check = writable(tmp_path / "data")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert (check.state, check.text) == (
        "problem",
        f"cannot use {tmp_path}/data: {tmp_path} is on a read-only filesystem",
    )


def test_storage_folders_names_bootwrights_folders(home: Home) -> None:
    assert dict(storage.folders(home)) == {
        "data": home.data,
        "state": home.state,
        "cache": home.cache,
    }


@pytest.fixture
def key(home: Home) -> Path:
    """Return a private key as we make it."""
    home.keys.mkdir(parents=True, mode=0o700)
    path = home.keys / "id_ed25519"
    path.touch(mode=0o600)
    path.with_suffix(".pub").touch(mode=0o644)
    return path


def test_storage_keys_accepts_private_keys(home: Home, key: Path) -> None:
    [check] = storage.keys(home)
    assert (check.area, check.name, check.state) == ("bootwright", "keys", "ok")
    assert check.text == f"{home.keys}, private"


def test_storage_keys_accepts_missing_keys(home: Home) -> None:
    [check] = storage.keys(home)
    assert (check.state, check.text) == ("ok", "not created yet; the first run creates them")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_storage_keys_reports_a_key_that_others_can_read(home: Home, key: Path, mode: int) -> None:
    key.chmod(mode)
    [check] = storage.keys(home)
    assert (check.area, check.state, check.fixable) == ("bootwright", "problem", True)
    assert check.text == f"other users can read {key} (mode {mode:04o}), so ssh refuses it"
    assert check.hint == f"chmod 0600 {key}"


def test_storage_keys_reports_a_folder_that_others_can_read(home: Home, key: Path) -> None:
    home.keys.chmod(0o755)
    [check] = storage.keys(home)
    assert (check.state, check.fixable) == ("warning", True)
    assert check.text == f"other users can list {home.keys} (mode 0755)"
    assert check.hint == f"chmod 0700 {home.keys}"


def test_storage_keys_reports_each_fault(home: Home, key: Path) -> None:
    home.keys.chmod(0o755)
    key.chmod(0o644)
    assert [check.state for check in storage.keys(home)] == ["problem", "warning"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away, which needs root")
def test_storage_keys_reports_a_key_of_another_user(home: Home, key: Path) -> None:
    os.chown(key, 65534, 65534)
    [check] = storage.keys(home)
    assert (check.state, check.fixable) == ("problem", False)
    assert check.text == f"{key} belongs to user 65534, not to you"
    assert check.hint == f"sudo chown 0 {key}"
