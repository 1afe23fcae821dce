"""Copying into and out of a guest; ssh is a fake whose commands run here, by the real tar."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

from bootwright.errors import BootwrightError, GuestError, HostError, InputError
from bootwright.events import Notice
from bootwright.machines.copying import Copier
from bootwright.machines.ssh import SshEndpoint
from bootwright.machines.unpacking import Unpacking
from tests.machines.fakes import program, ssh_that_logs_in
from tests.observed import Observed


@pytest.fixture
def reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SshEndpoint:
    ssh_that_logs_in(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return SshEndpoint(
        name="web", port=1, key=tmp_path / "key", known_hosts=tmp_path / "known_hosts"
    )


def tree(path: str = "d") -> Path:
    """Make a folder with what may be in one."""
    folder = Path(path)
    (folder / "sub").mkdir(parents=True)
    (folder / "a b").write_bytes(b"\0\xff" * 300_000)
    (folder / "a b").chmod(0o640)
    os.utime(folder / "a b", (1_000_000_000, 1_000_000_000))
    (folder / "sub/-n").write_text("dash")
    os.symlink("a b", folder / "link")
    os.symlink("/nowhere", folder / "dangling")
    os.symlink("sub", folder / "to-folder")
    os.link(folder / "a b", folder / "hard")
    os.mkfifo(folder / "pipe")
    return folder


def looked(folder: Path) -> dict[str, object]:
    """Return what a copy must keep."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            status = path.stat()
            found[name] = (path.read_bytes(), status.st_mode, int(status.st_mtime))
        elif path.is_dir():
            found[name] = "folder"
    return found


def copy(reach: SshEndpoint, way: str, sources: list[str], target: str) -> list[str]:
    """Copy either way and return the notices."""
    observed = Observed()
    copier = Copier(reach, observe=observed)
    (copier.copy_in if way == "in" else copier.copy_out)(sources, target)
    return [event.text for event in observed.events if isinstance(event, Notice)]


BOTH = pytest.mark.parametrize("way", ["in", "out"])


@BOTH
@pytest.mark.parametrize(
    ("source", "target", "lies_at"),
    [
        ("d", "there", "there/d"),
        ("d/", "there/", "there/d"),
        ("d", "there/new", "there/new"),
        ("d", "new", "new"),
        ("d/.", "there", "there"),
        ("d/.", "there/new", "there/new"),
    ],
)
def test_copy_of_a_folder_keeps_links_modes_and_times(
    way: str, source: str, target: str, lies_at: str, reach: SshEndpoint
) -> None:
    Path("there").mkdir()
    wanted = looked(tree())
    wanted = {name: value for name, value in wanted.items() if name != "pipe"}
    guest = f"{os.getcwd()}/"
    sources = [source] if way == "in" else [guest + source]
    notices = copy(reach, way, sources, guest + target if way == "in" else target)
    assert looked(Path(lies_at)) == wanted
    assert notices == [
        f"{source if way == 'in' else 'web:' + guest + source}: skipped 1 device or pipe"
    ]


@BOTH
def test_copy_again_replaces_files_and_keeps_others(way: str, reach: SshEndpoint) -> None:
    tree()
    (Path("there/d/sub")).mkdir(parents=True)
    Path("there/d/mine").write_text("mine")
    Path("there/d/a b").write_text("old")
    os.symlink("/etc/hostname", "there/d/hard")
    cwd = os.getcwd()
    copy(reach, way, [f"{cwd}/d"], f"{cwd}/there")
    assert Path("there/d/mine").read_text() == "mine"
    assert Path("there/d/a b").stat().st_size == 600_000
    assert not Path("there/d/hard").is_symlink()


@BOTH
def test_copy_through_a_link_to_the_target_writes_where_it_leads(
    way: str, reach: SshEndpoint
) -> None:
    cwd = os.getcwd()
    Path("new").write_text("new")
    Path("file").write_text("old")
    os.symlink("file", "link")
    copy(reach, way, [f"{cwd}/new"], f"{cwd}/link")
    assert (os.readlink("link"), Path("file").read_text()) == ("file", "new")


def test_copy_in_keeps_a_link_to_a_folder(reach: SshEndpoint) -> None:
    Path("root/bin").mkdir(parents=True)
    Path("root/bin/tool").write_text("x")
    Path("guest/usr/bin").mkdir(parents=True)
    os.symlink("usr/bin", "guest/bin")
    copy(reach, "in", ["root/."], f"{os.getcwd()}/guest")
    assert os.readlink("guest/bin") == "usr/bin"
    assert Path("guest/usr/bin/tool").read_text() == "x"


@BOTH
def test_copy_of_a_file_that_does_not_say_its_length(way: str, reach: SshEndpoint) -> None:
    cwd = os.getcwd()
    copy(reach, way, ["/proc/version"], f"{cwd}/version")
    assert Path("version").read_bytes() == Path("/proc/version").read_bytes()


def test_copy_out_refuses_a_folder_of_the_kernel(reach: SshEndpoint) -> None:
    with pytest.raises(InputError, match="web:/proc/sys is a folder of the kernel's"):
        copy(reach, "out", ["/proc/sys"], "there")


@pytest.mark.parametrize(
    ("way", "sources", "target", "said"),
    [
        ("in", ["nosuch"], "{0}", "there is no nosuch"),
        ("in", ["f", "no1", "no2"], "{0}", "there is no no1; there is no no2; nothing was done"),
        ("in", ["/dev/null"], "{0}", "/dev/null is no file, folder or link"),
        ("in", ["f"], "{0}/no/f", "machine 'web' has no folder {0}/no"),
        ("in", ["f"], "{0}/no/", "machine 'web' has no folder {0}/no/"),
        ("in", ["f", "d"], "{0}/no", "machine 'web' has no folder {0}/no"),
        ("in", ["f", "d"], "{0}/f", "web:{0}/f is not a folder"),
        ("in", ["d"], "{0}/f", "cannot copy folder d over file web:{0}/f"),
        ("out", ["{0}/d/pipe"], "x", "web:{0}/d/pipe is no file, folder or link"),
        ("out", ["{0}/nosuch"], "x", "machine 'web' has no {0}/nosuch"),
        ("out", ["{0}/f"], "no/x", "there is no folder no"),
        ("out", ["{0}/f"], "no/", "there is no folder no/"),
        ("out", ["{0}/f", "{0}/d"], "no", "there is no folder no"),
        ("out", ["{0}/f"], "f/", "f/ is not a folder"),
        ("out", ["{0}/d"], "f", "cannot copy a folder over {0}/f"),
    ],
)
def test_copy_refuses_what_cannot_be(
    way: str, sources: list[str], target: str, said: str, reach: SshEndpoint
) -> None:
    tree()
    Path("f").write_text("f")
    cwd = os.getcwd()
    with pytest.raises(InputError) as bad:
        copy(reach, way, [source.format(cwd) for source in sources], target.format(cwd))
    assert str(bad.value) == said.format(cwd)
    assert bad.value.hint
    assert Path("f").read_text() == "f"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Wrote only 4608 of 10240 bytes", "the disk of machine 'web' is full"),
        ("No space left on device", "the disk of machine 'web' is full"),
        ("Read-only file system", "its filesystem is read-only"),
        ("Permission denied", "permission denied"),
        ("something else", "tar in the guest failed"),
    ],
)
def test_copy_in_says_why_the_guest_cannot_write(
    told: str, said: str, reach: SshEndpoint, tmp_path: Path
) -> None:
    program(tmp_path / "bin", "tar", f"echo 'tar: x: Cannot write: {told}' >&2; exit 2")
    Path("f").write_bytes(b"x" * 1_000_000)
    with pytest.raises(GuestError) as bad:
        copy(reach, "in", ["f"], f"{tmp_path}/x")
    assert str(bad.value) == f"cannot copy to web:{tmp_path}/x: {said}"
    assert told in bad.value.evidence


@BOTH
def test_copy_says_that_the_connection_failed(way: str, reach: SshEndpoint, tmp_path: Path) -> None:
    program(tmp_path / "bin", "ssh", "echo 'connection refused' >&2; exit 255")
    Path("f").write_text("f")
    with pytest.raises(GuestError, match="the connection to machine 'web' failed") as bad:
        copy(reach, way, ["f"], "x")
    assert bad.value.evidence == "connection refused"


def test_copy_out_notes_a_file_that_changed(reach: SshEndpoint, tmp_path: Path) -> None:
    program(
        tmp_path / "bin",
        "tar",
        '/usr/bin/tar "$@" || /bin/tar "$@"\n'
        "echo 'tar: ./f: file changed as we read it' >&2; exit 1",
    )
    Path("f").write_text("f")
    assert copy(reach, "out", [f"{os.getcwd()}/f"], "g") == ["./f: file changed as we read it"]
    assert Path("g").read_text() == "f"


def test_copy_that_is_cancelled_ends(reach: SshEndpoint, tmp_path: Path) -> None:
    program(tmp_path / "bin", "tar", "exec sleep 1000")
    copier = Copier(reach)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            copier.copy_out([f"{tmp_path}"], ".")
        except BootwrightError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    copier.cancel()
    thread.join(60)
    assert not thread.is_alive()


def archive(*members: tuple[str, bytes, str]) -> io.BytesIO:
    """Return a tar archive of members: name, type, link or content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = text
                tar.addfile(member)
            else:
                member.size = len(text) if kind == tarfile.REGTYPE else 0
                tar.addfile(member, io.BytesIO(text.encode()))
    stream.seek(0)
    return stream


@pytest.mark.parametrize(
    "members",
    [
        [("./d/../../evil", tarfile.REGTYPE, "x")],
        [("/evil", tarfile.REGTYPE, "x")],
        [("./d", tarfile.DIRTYPE, ""), ("./d/l", tarfile.SYMTYPE, "{0}"),
         ("./d/l/evil", tarfile.REGTYPE, "x")],
        [("./d", tarfile.DIRTYPE, ""), ("./d/h", tarfile.LNKTYPE, "../../secret")],
        [("./d", tarfile.SYMTYPE, "{0}"), ("./d/evil", tarfile.REGTYPE, "x")],
    ],
)  # fmt: skip
def test_unpacking_writes_nothing_outside_the_target(
    members: list[tuple[str, bytes, str]], tmp_path: Path
) -> None:
    outside, target = tmp_path / "outside", tmp_path / "outside/in/target"
    target.mkdir(parents=True)
    (outside / "secret").write_text("secret")
    stream = archive(*((name, kind, text.format(outside)) for name, kind, text in members))
    with pytest.raises(GuestError, match="out of the target"):
        Unpacking("d", str(target), several=False).run(stream)
    assert sorted(path.name for path in outside.rglob("*") if "evil" in path.name) == []


def test_unpacking_never_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    stream = archive(
        ("./d", tarfile.DIRTYPE, ""),
        ("./d/f", tarfile.SYMTYPE, f"{tmp_path}/secret"),
        ("./d/f", tarfile.REGTYPE, "evil"),
    )
    Unpacking("d", str(tmp_path), several=False).run(stream)
    assert (tmp_path / "secret").read_text() == "secret"
    assert (tmp_path / "d/f").read_text() == "evil"


def test_unpacking_says_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    stream = archive(("./d", tarfile.DIRTYPE, ""), ("./d/" + "x" * 300, tarfile.REGTYPE, "x"))
    with pytest.raises(HostError, match=r"^cannot write .*: File name too long$"):
        Unpacking("d", str(tmp_path), several=False).run(stream)
