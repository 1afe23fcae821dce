"""ext4 images from tar archives; their owners, modes and contents as debugfs sees them."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from bootwright.errors import BuildError, HostError
from bootwright.host import tools
from bootwright.host.namespaces import as_namespace_root
from bootwright.host.trees import used_bytes
from bootwright.images import ext4

pytestmark = pytest.mark.skipif(
    subprocess.run([*as_namespace_root(), "true"], capture_output=True).returncode != 0,
    reason="this host gives its user no namespace with subordinate ids",
)


def _add(
    tar: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    *,
    mode: int = 0o644,
    owner: tuple[int, int] = (0, 0),
    kind: bytes = tarfile.REGTYPE,
    target: str = "",
) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.type, member.linkname = len(content), mode, kind, target
    member.uid, member.gid = owner
    member.devmajor, member.devminor = 1, 3
    tar.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "root.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("etc", "usr", "usr/bin", "dev", "srv", "srv/dev"):
            _add(tar, f"./{name}", mode=0o755, kind=tarfile.DIRTYPE)
        _add(tar, "./tmp", mode=0o1777, kind=tarfile.DIRTYPE)
        _add(tar, "./etc/shadow", b"secret\n", mode=0o640, owner=(0, 42))
        _add(tar, "./srv/odd", b"odd\n", mode=0o600, owner=(1234, 5678))
        _add(tar, "./usr/bin/su", b"su\n", mode=0o4755)
        _add(tar, "./bin", kind=tarfile.SYMTYPE, target="usr/bin")
        _add(tar, "./dev/null", kind=tarfile.CHRTYPE)
        _add(tar, "./srv/dev/main.js", b"mine\n")
    return path


@pytest.fixture(scope="module")
def disk(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    disk = tmp_path_factory.mktemp("disk") / "disk.raw"
    ext4.write(archive, disk)
    return disk


def _debugfs(disk: Path, request: str) -> str:
    debugfs = tools.find("debugfs") or Path("debugfs")
    done = subprocess.run([debugfs, "-R", request, disk], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr.partition("\n")[2]


@pytest.mark.parametrize(
    ("path", "kind", "mode", "user", "group"),
    [
        ("/etc/shadow", "regular", "0640", 0, 42),
        ("/srv/odd", "regular", "0600", 1234, 5678),
        ("/usr/bin/su", "regular", "04755", 0, 0),
        ("/tmp", "directory", "01777", 0, 0),
        ("/bin", "symlink", "0777", 0, 0),
    ],
)
def test_ext4_write_keeps_owners_and_modes(
    disk: Path, path: str, kind: str, mode: str, user: int, group: int
) -> None:
    stat = _debugfs(disk, f"stat {path}")
    assert re.search(rf"Type: {kind} +Mode: +{mode} ", stat), stat
    assert re.search(rf"User: +{user} +Group: +{group} ", stat), stat


def test_ext4_write_keeps_contents_and_links(disk: Path) -> None:
    assert _debugfs(disk, "cat /etc/shadow") == "secret\n"
    assert 'Fast link dest: "usr/bin"' in _debugfs(disk, "stat /bin")


def test_ext4_write_leaves_dev_empty(disk: Path) -> None:
    assert "Type: directory" in _debugfs(disk, "stat /dev")
    assert "File not found" in _debugfs(disk, "stat /dev/null")


def test_ext4_write_keeps_files_in_other_folders_called_dev(disk: Path) -> None:
    assert _debugfs(disk, "cat /srv/dev/main.js") == "mine\n"


def test_ext4_write_makes_a_sparse_disk_with_free_space(disk: Path) -> None:
    assert disk.stat().st_size == ext4.MINIMUM_BYTES
    assert used_bytes(disk.parent) < 200 << 20
    assert [entry.name for entry in disk.parent.iterdir()] == ["disk.raw"]


def test_ext4_write_makes_a_clean_filesystem(disk: Path) -> None:
    e2fsck = tools.find("e2fsck") or Path("e2fsck")
    checked = subprocess.run([e2fsck, "-fn", disk], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    dumpe2fs = tools.find("dumpe2fs") or Path("dumpe2fs")
    summary = subprocess.run([dumpe2fs, disk], capture_output=True, text=True).stdout
    assert re.search(r"Filesystem volume name: +root\n", summary)
    # A group's inode table that is not zeroed now would be in the background of a boot.
    groups = re.findall(r"^Group \d+: .*$", summary, re.M)
    assert len(groups) == 32
    assert all("ITABLE_ZEROED" in group for group in groups)


def test_ext4_write_sizes_by_the_uncompressed_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ext4, "MINIMUM_BYTES", 8 << 20)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "big").write_bytes(b"some content" * (3 << 20))  # 36 MiB
    archive = tmp_path / "big.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", tmp_path / "tree", "."], check=True)
    assert archive.stat().st_size < 1 << 20
    (tmp_path / "out").mkdir()
    ext4.write(archive, tmp_path / "out" / "disk.raw")
    assert 72 << 20 <= (tmp_path / "out" / "disk.raw").stat().st_size < 80 << 20


def test_ext4_write_refuses_what_is_no_archive(tmp_path: Path) -> None:
    broken = tmp_path / "root.tar"
    broken.write_bytes(b"no archive" * 100)
    with pytest.raises(BuildError) as caught:
        ext4.write(broken, tmp_path / "disk.raw")
    assert str(caught.value) == "writing the filesystem of root.tar failed"
    assert caught.value.hint == "a root filesystem archive has bin, etc, usr ... at its top"
    assert "This does not look like a tar archive" in caught.value.evidence
    assert [entry.name for entry in tmp_path.iterdir()] == ["root.tar"]


@pytest.mark.parametrize("word", ["a folder", "it's"])
def test_ext4_write_accepts_any_path(tmp_path: Path, archive: Path, word: str) -> None:
    folder = tmp_path / word
    folder.mkdir()
    own = folder / "root $x.tar.gz"
    own.write_bytes(archive.read_bytes())
    ext4.write(own, folder / "disk.raw")
    assert _debugfs(folder / "disk.raw", "cat /srv/odd") == "odd\n"


def test_ext4_write_reports_a_full_disk(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "mke2fs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'mke2fs: No space left on device' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    with pytest.raises((OSError, HostError), match=r"ran full|No space left"):
        ext4.write(archive, tmp_path / "disk.raw")
