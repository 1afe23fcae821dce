"""A machine's identity: its name, keys and addresses."""

from __future__ import annotations

import base64
import os
import struct
import textwrap
from pathlib import Path

from bootwright.errors import HostError
from bootwright.home import Home
from bootwright.host import commands, locks, tools
from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity of one machine, which lasts as long as the machine."""

    hostname: str
    machine_id: str
    """32 hexadecimal digits. Source: machine-id(5)."""
    mac: str
    token: str
    """Begins every line that the guest sends over its mark port, so that no other output there
    can be taken for one."""
    host_key: str
    """The private SSH host key, OpenSSH format; empty for a guest without an SSH server."""
    host_key_public: str


def new_identity(hostname: str, scratch: Path | None) -> Identity:
    """Create a random identity.

    The MAC address is locally administered and has 40 random bits: two machines never share one.
    Source: IEEE 802, bit 1 of the first byte (0x52).

    Args:
        scratch: A private folder for creating the SSH host key; None: the guest has no SSH server
            and needs no key.

    Raises:
        HostError: ssh-keygen is missing.
    """
    private = public = ""
    if scratch is not None:
        private, public = _make_key(f"root@{hostname}", scratch / ".key")
    return Identity(
        hostname=hostname,
        machine_id=os.urandom(16).hex(),
        mac="52:" + ":".join(f"{byte:02x}" for byte in os.urandom(5)),
        token=os.urandom(8).hex(),
        host_key=private,
        host_key_public=public,
    )


# The first key of the test vectors in RFC 8032, section 7.1: everybody knows it.
_KNOWN_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
_KNOWN_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def fixed_identity() -> Identity:
    """Return the identity that every machine on the virtual clock has.

    Two boots of one recipe are to take the same instructions, and reading another key takes others.
    Nothing in it is secret: such a machine has no network, and nobody logs in to it.
    """
    private, public = _known_key("root@virtual")
    return Identity(
        hostname="virtual",
        machine_id="b007" * 8,
        mac="52:00:00:00:00:00",
        token="b007" * 4,
        host_key=private,
        host_key_public=public,
    )


def _known_key(comment: str) -> tuple[str, str]:
    """Return the halves of the known key. Source: PROTOCOL.key in OpenSSH's tree."""

    def strings(*parts: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(part)) + part for part in parts)

    kind = b"ssh-ed25519"
    public = strings(kind, _KNOWN_PUBLIC)
    secret = bytes(8) + strings(kind, _KNOWN_PUBLIC, _KNOWN_SEED + _KNOWN_PUBLIC, comment.encode())
    secret += bytes(range(1, 1 + -len(secret) % 8))
    whole = b"openssh-key-v1\0" + strings(b"none", b"none", b"") + struct.pack(">I", 1)
    lines = textwrap.wrap(base64.b64encode(whole + strings(public, secret)).decode(), 70)
    name = "OPENSSH PRIVATE KEY"
    private = "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", ""])
    return private, f"{kind.decode()} {base64.b64encode(public).decode()} {comment}"


def user_key(home: Home) -> tuple[Path, str]:
    """Return the private key that logs in to all machines of this user, and its public half.

    It is created at the first call, readable by its owner only.

    Raises:
        HostError: ssh-keygen is missing, or cannot read the key that is there.
    """
    path = home.keys / "id_ed25519"
    public = home.keys / "id_ed25519.pub"
    if not path.exists() or not public.exists() or not public.stat().st_size:
        home.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        # With two first calls at once, both go on with the key of the faster one.
        lock = locks.take(home.keys / ".lock", wait_s=30)
        try:
            staged = home.keys / ".new"
            if not path.exists():
                private_text, _ = _make_key("bootwright", staged)
                staged.touch(mode=0o600)
                staged.write_text(private_text)
                staged.rename(path)
            # Whole or not at all: with an empty public half nobody could log in.
            staged.write_text(_public_half(path) + "\n")
            staged.rename(public)
        finally:
            os.close(lock)
    return path, public.read_text().strip()


def _make_key(comment: str, path: Path) -> tuple[str, str]:
    """Create a key, using *path* temporarily; return its halves."""
    [keygen] = tools.require("ssh-keygen")
    public = path.with_name(path.name + ".pub")
    for leftover in (path, public):
        leftover.unlink(missing_ok=True)  # ssh-keygen asks before it overwrites
    done = commands.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    if done.returncode:
        raise HostError(f"ssh-keygen failed: {done.stderr.strip()}")
    try:
        return path.read_text(), public.read_text().strip()
    finally:
        path.unlink()
        public.unlink()


def _public_half(private: Path) -> str:
    [keygen] = tools.require("ssh-keygen")
    done = commands.run([keygen, "-y", "-f", private])
    if done.returncode or not done.stdout.strip():
        raise HostError(
            f"cannot read the key {private}: {done.stderr.strip()}",
            hint="remove it: the next machine gets a new one; existing machines "
            "accept only the old one",
        )
    return done.stdout.strip()
