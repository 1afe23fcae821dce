"""What makes one machine different from every other: its name, keys and addresses."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import HostError
from bootwright.home import Home
from bootwright.host import commands, tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One machine's own; made once, kept for as long as the machine."""

    hostname: str
    machine_id: str
    """32 hexadecimal digits. Source: machine-id(5)."""
    mac: str
    token: str
    """Begins every line that the guest sends over its mark port, so that no other output there
    can be taken for one."""
    host_key: str
    """The private SSH host key, OpenSSH format."""
    host_key_public: str


def make(hostname: str) -> Identity:
    """Make an identity from the host's random numbers.

    The MAC address lies in QEMU's own range 52:54:00, which is locally administered.

    Raises:
        HostError: ssh-keygen is missing.
    """
    private, public = _make_key(f"root@{hostname}")
    tail = secrets.token_bytes(3)
    return Identity(
        hostname=hostname,
        machine_id=secrets.token_hex(16),
        mac="52:54:00:" + ":".join(f"{byte:02x}" for byte in tail),
        token=secrets.token_hex(8),
        host_key=private,
        host_key_public=public,
    )


def user_key(home: Home) -> tuple[Path, str]:
    """Return the private key that opens all machines of this user, and its public half.

    It is made at the first call, readable by its owner only.
    """
    path = home.keys / "id_ed25519"
    public = home.keys / "id_ed25519.pub"
    if not public.exists() or not public.stat().st_size:
        home.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        private_text, public_text = _make_key("bootwright")
        staged = home.keys / f".{secrets.token_hex(4)}"
        staged.touch(mode=0o600)
        staged.write_text(private_text)
        try:
            # A hard link is made or refused, never replaced: with two first calls at once, both
            # go on with the key of the faster one.
            path.hardlink_to(staged)
        except FileExistsError:
            public_text = _public_half(path)
        finally:
            staged.unlink()
        # Whole or not at all: an empty public half would let nobody in.
        staged.write_text(public_text + "\n")
        staged.rename(public)
    return path, public.read_text().strip()


def _make_key(comment: str) -> tuple[str, str]:
    [keygen] = tools.require("ssh-keygen")
    with tempfile.TemporaryDirectory(prefix="bootwright-key-") as folder:
        path = Path(folder) / "key"
        done = commands.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
        if done.returncode:
            raise HostError(f"ssh-keygen failed: {done.stderr.strip()}")
        return path.read_text(), path.with_suffix(".pub").read_text().strip()


def _public_half(private: Path) -> str:
    [keygen] = tools.require("ssh-keygen")
    return commands.run([keygen, "-y", "-f", private]).stdout.strip()
