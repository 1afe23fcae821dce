"""The initramfs: what its archive holds, read by busybox's cpio and run by the real shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bootwright.digest import Digest, digest_of_bytes
from bootwright.errors import FormatError, HostError
from bootwright.guest import cpio, initramfs
from bootwright.guest.identity import Identity
from bootwright.guest.initramfs import InitSettings, RootMount
from bootwright.home import Home

ME = Identity(
    hostname="web",
    machine_id="0123456789abcdef0123456789abcdef",
    mac="52:54:00:01:02:03",
    token="feedface00000001",
    host_key="-----BEGIN PRIVATE-----\nsecret\n-----END-----\n",
    host_key_public="ssh-ed25519 AAAA root@web",
)
ROOTED = InitSettings(
    modules=("modules/virtio.ko", "modules/ext4.ko"),
    root=RootMount(device="/dev/vda1", filesystem="ext4", grow=True),
    init=("/run/bootwright/tini", "--", "/run/start"),
    needs=("/sbin/init", "/usr/sbin/sshd"),
    tools=True,
    address="10.0.2.15/24",
    gateway="10.0.2.2",
    resolver="10.0.2.3",
)


def modes(archive: bytes) -> dict[str, str]:
    done = subprocess.run(
        ["busybox", "cpio", "-tv"], input=archive, capture_output=True, check=True
    )
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return {" ".join(words[5:]): words[0] for words in lines}


def unpacked(archive: bytes, folder: Path) -> Path:
    """Unpack all but the device nodes, which only root may make."""
    subprocess.run(
        ["busybox", "cpio", "-id", "bootwright/*", "init", "bin/*"],
        input=archive,
        cwd=folder,
        check=True,
    )
    return folder


def sourced(file: Path, line: str) -> str:
    """Return what *line* prints in a shell that has read *file*."""
    done = subprocess.run(
        ["sh", "-euc", f". {file}; {line}"], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def program() -> dict[str, tuple[bytes, int]]:
    return initramfs.program_files()


def test_pack_of_a_machine_with_a_root(home: Home, program: dict[str, tuple[bytes, int]]) -> None:
    named = initramfs.store_guest_files(home, program)
    found = modes(
        initramfs.pack_initramfs(home, named, ME, ROOTED, authorized_key="ssh-ed25519 BBBB me")
    )
    expected = {
        "init": "-rwxr-xr-x",
        "bin/busybox": "-rwxr-xr-x",
        "bin/mount -> busybox": "lrwxrwxrwx",
        "bin/switch_root -> busybox": "lrwxrwxrwx",
        "dev/console": "crw-------",
        "dev/ttyS1": "crw-------",
        "dev/null": "crw-------",
        "dev/kmsg": "crw-------",
        "proc": "drwxr-xr-x",
        "sys": "drwxr-xr-x",
        "bootwright/machine": "-rw-------",
        "bootwright/run/bootwright/token": "-rw-r--r--",
        "bootwright/run/bootwright/authorized_keys": "-rw-r--r--",
        "bootwright/run/bootwright/ssh_host_ed25519_key": "-rw-------",
        "bootwright/run/bootwright/ssh_host_ed25519_key.pub": "-rw-r--r--",
    }
    assert expected.items() <= found.items()
    assert "bootwright/command" not in found


def test_pack_puts_keys_where_sshd_looks(home: Home, tmp_path: Path) -> None:
    packed = initramfs.pack_initramfs(home, (), ME, ROOTED, authorized_key="ssh-ed25519 BBBB me")
    laid = unpacked(packed, tmp_path) / "bootwright/run/bootwright"
    assert (laid / "token").read_text() == "feedface00000001"
    assert (laid / "authorized_keys").read_text() == "ssh-ed25519 BBBB me\n"
    assert (laid / "ssh_host_ed25519_key").read_text() == ME.host_key
    assert (laid / "ssh_host_ed25519_key.pub").read_text() == "ssh-ed25519 AAAA root@web\n"


def test_pack_of_a_tiny_guest_has_a_command_and_no_keys(home: Home) -> None:
    found = modes(initramfs.pack_initramfs(home, (), ME, InitSettings(), command=("true",)))
    assert found["bootwright/command"] == "-rw-r--r--"
    assert found["bootwright/run"] == "drwxr-xr-x"
    assert not [path for path in found if path.startswith("bootwright/run/")]


@pytest.mark.parametrize("given", [b"", b"a\0b\r\n\xff" * 100_000])
def test_pack_carries_what_the_command_reads(given: bytes, home: Home, tmp_path: Path) -> None:
    packed = initramfs.pack_initramfs(home, (), ME, InitSettings(), command=("cat",), input=given)
    assert (unpacked(packed, tmp_path) / "bootwright/input").read_bytes() == given


def test_pack_has_device_nodes_of_the_serial_ports(home: Home) -> None:
    archive = initramfs.pack_initramfs(home, (), ME, InitSettings())
    for node in (
        cpio.character_device("dev/console", 5, 1),
        cpio.character_device("dev/ttyS1", 4, 65),
        cpio.character_device("dev/null", 1, 3),
        cpio.character_device("dev/kmsg", 1, 11),
    ):
        at = archive.index(node.path.encode() + b"\0") - 110
        numbers = [int(archive[at + 78 + 8 * n : at + 86 + 8 * n], 16) for n in range(2)]
        assert tuple(numbers) == node.device


def test_pack_links_every_busybox_tool_that_init_calls(home: Home) -> None:
    found = modes(initramfs.pack_initramfs(home, (), ME, InitSettings()))
    linked = {
        path.removeprefix("bin/").removesuffix(" -> busybox") for path in found if ">" in path
    }
    script = initramfs.program_files()["/init"][0].decode()
    known = subprocess.run(["busybox", "--list"], capture_output=True, text=True).stdout.split()
    used = {word for word in known if f"\n{word} " in script.replace("    ", "")}
    builtin = {"[", "busybox", "cd", "echo", "exec", "printf", "read", "sh"}
    assert used - builtin <= linked
    assert linked <= set(known)
    assert "mount" in used


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (("echo 'a  b' | tr a z",), "z  b\n"),
        (("echo a; echo b",), "a\nb\n"),
        (("printf", "%s|", "a  b", "$HOME", "it's", ";"), "a  b|$HOME|it's|;|"),
        (("printf", "%s", "two\nlines"), "two\nlines"),
    ],
)
def test_pack_command_of_one_word_is_a_shell_line(
    command: tuple[str, ...], printed: str, home: Home, tmp_path: Path
) -> None:
    unpacked(initramfs.pack_initramfs(home, (), ME, InitSettings(), command=command), tmp_path)
    assert sourced(tmp_path / "bootwright/command", ":") == printed


def test_pack_variables_read_back_by_the_shell(home: Home, tmp_path: Path) -> None:
    unpacked(initramfs.pack_initramfs(home, (), ME, ROOTED), tmp_path)
    machine = tmp_path / "bootwright/machine"
    subprocess.run(["sh", "-n", machine], check=True)
    assert sourced(
        machine, 'printf "%s|" "$token" "$hostname" "$machine_id" "$modules" "$root" "$filesystem"'
    ) == (
        "feedface00000001|web|0123456789abcdef0123456789abcdef|modules/virtio.ko modules/ext4.ko|"
        "/dev/vda1|ext4|"
    )
    assert sourced(machine, 'printf "%s|" "$grow" "$address" "$gateway" "$resolver"') == (
        "1|10.0.2.15/24|10.0.2.2|10.0.2.3|"
    )
    assert sourced(machine, 'printf "%s|" "$init" "$needs" "$tools"') == (
        "/run/bootwright/tini -- /run/start|/sbin/init /usr/sbin/sshd|1|"
    )


def test_pack_variables_are_never_run_as_commands(home: Home, tmp_path: Path) -> None:
    unpacked(
        initramfs.pack_initramfs(
            home, (), ME, InitSettings(root=RootMount(filesystem="$(touch x); 'y'"))
        ),
        tmp_path,
    )
    machine = tmp_path / "bootwright/machine"
    assert sourced(machine, 'printf "%s" "$filesystem"') == "$(touch x); 'y'"
    rest = 'printf "%s|" "$root" "$grow" "$modules" "$init" "$needs" "$tools"'
    assert sourced(machine, rest) == "||||||"
    assert sourced(machine, 'printf "%s|" "$options" "$volatile"') == "||"


@pytest.mark.parametrize("shell", [["sh"], ["busybox", "sh"]])
def test_init_program_is_a_valid_shell_script(
    shell: list[str], program: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    content, mode = program["/init"]
    (tmp_path / "init").write_bytes(content)
    subprocess.run([*shell, "-n", tmp_path / "init"], check=True)
    assert content.startswith(b"#!/bin/busybox sh\n")
    assert mode == 0o755


def test_init_program_counts_free_disk_space(
    program: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    # The line that does so, by the shell and the stat that the guest has.
    [line] = [line for line in program["/init"][0].decode().splitlines() if "stat -f" in line]
    counted = subprocess.run(
        ["busybox", "sh", "-euc", f"{line.replace('/root', str(tmp_path))}; echo $free"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(counted.stdout) > 0


def test_remember_keeps_guest_files_by_digest(home: Home) -> None:
    named = initramfs.store_guest_files(home, {"/b": (b"two", 0o600), "/a": (b"one", 0o755)})
    assert [(file.path, file.mode) for file in named] == [("/a", 0o755), ("/b", 0o600)]
    assert named[0].digest == digest_of_bytes(b"one")
    assert initramfs.load_guest_file(home, named[1].digest) == b"two"
    assert initramfs.store_guest_files(home, {"/a": (b"one", 0o755)}) == named[:1]
    assert sorted(path.name for path in home.files.iterdir()) == sorted(f.digest for f in named)


def test_recall_names_a_missing_guest_file(home: Home) -> None:
    missing = Digest("sha256-" + "ab" * 32)
    with pytest.raises(FormatError) as bad:
        initramfs.load_guest_file(home, missing)
    assert "a guest file abababababab that this host does not have" in str(bad.value)
    assert (
        bad.value.hint == "remove guest_files from the recipe, so that bootwright uses this host's"
    )


@pytest.mark.parametrize("damage", [b"", b"on", b"onE", b"one more"])
def test_recall_refuses_a_damaged_guest_file(damage: bytes, home: Home) -> None:
    [named] = initramfs.store_guest_files(home, {"/a": (b"one", 0o755)})
    path = home.files / named.digest
    path.write_bytes(damage)
    with pytest.raises(FormatError) as bad:
        initramfs.load_guest_file(home, named.digest)
    assert str(bad.value) == f"{path} is damaged: its content does not match its name"
    assert bad.value.hint == f"rm {path}; bootwright writes its own files again"
    path.unlink()
    assert initramfs.store_guest_files(home, {"/a": (b"one", 0o755)}) == (named,)
    assert initramfs.load_guest_file(home, named.digest) == b"one"


@pytest.mark.parametrize("damage", [b"", b"on"])
def test_remember_rewrites_a_truncated_guest_file(damage: bytes, home: Home) -> None:
    [named] = initramfs.store_guest_files(home, {"/a": (b"one", 0o755)})
    (home.files / named.digest).write_bytes(damage)
    initramfs.store_guest_files(home, {"/a": (b"one", 0o755)})
    assert initramfs.load_guest_file(home, named.digest) == b"one"
    assert [path.name for path in home.files.iterdir()] == [named.digest]


def test_remember_does_not_rewrite_a_guest_file(home: Home) -> None:
    [named] = initramfs.store_guest_files(home, {"/a": (b"one", 0o755)})
    before = (home.files / named.digest).stat().st_ino
    initramfs.store_guest_files(home, {"/a": (b"one", 0o755)})
    assert (home.files / named.digest).stat().st_ino == before


@pytest.mark.parametrize("impostor", ["dynamic", "script"])
def test_program_files_refuses_a_dynamic_busybox(
    impostor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busybox = tmp_path / "busybox"
    if impostor == "dynamic":
        dynamic = shutil.which("ssh-keygen")
        assert dynamic is not None
        busybox.symlink_to(dynamic)
    else:
        busybox.write_text("#!/bin/sh\n")
        busybox.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError) as bad:
        initramfs.program_files()
    assert str(bad.value) == f"{busybox} is not a statically linked x86-64 program"
    assert "sudo apt-get install busybox-static" in bad.value.hint


def test_program_files_names_a_missing_busybox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bootwright.host.tools._SBIN", "")
    with pytest.raises(HostError, match=r"^no statically linked busybox on this host$"):
        initramfs.program_files()
