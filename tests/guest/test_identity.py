"""A machine's own name, keys and addresses, and the user's key; made by the real ssh-keygen."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.guest.identity import fixed_identity, new_identity, user_key
from bootwright.home import Home
from tests.machines.fakes import finish, together


def keys(home: Home) -> list[str]:
    """Return what lies among the keys, less the lock."""
    return sorted(path.name for path in home.keys.iterdir() if path.name != ".lock")


def public_half(private: Path) -> list[str]:
    done = subprocess.run(
        ["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[:2]


def test_identity_make_values_have_their_form(tmp_path: Path) -> None:
    made = new_identity("web", tmp_path)
    assert made.hostname == "web"
    assert re.fullmatch(r"[0-9a-f]{32}", made.machine_id)
    assert re.fullmatch(r"52(:[0-9a-f]{2}){5}", made.mac)
    assert re.fullmatch(r"[0-9a-f]{16}", made.token)


def test_identity_make_host_keys_are_a_pair(tmp_path: Path) -> None:
    made = new_identity("web", tmp_path)
    assert list(tmp_path.iterdir()) == []
    private = tmp_path / "key"
    private.touch(mode=0o600)
    private.write_text(made.host_key)
    assert public_half(private) == made.host_key_public.split()[:2]
    assert made.host_key_public.startswith("ssh-ed25519 ")
    assert made.host_key_public.endswith(" root@web")


def test_identity_make_without_a_folder_makes_no_host_key() -> None:
    made = new_identity("web", None)
    assert (made.host_key, made.host_key_public) == ("", "")
    assert made.hostname == "web"


def test_identity_make_twice_shares_only_the_name(tmp_path: Path) -> None:
    one, two = new_identity("web", tmp_path), new_identity("web", tmp_path)
    for field in ("machine_id", "mac", "token", "host_key", "host_key_public"):
        assert getattr(one, field) != getattr(two, field)


def test_identity_make_mac_address_is_local_and_unicast(tmp_path: Path) -> None:
    first = int(new_identity("web", tmp_path).mac.split(":")[0], 16)
    assert first & 0b10  # locally administered
    assert not first & 0b01  # of one card, not of a group


def test_identity_make_ignores_what_a_killed_keygen_left(tmp_path: Path) -> None:
    (tmp_path / ".key").write_text("half a key")
    (tmp_path / ".key.pub").write_text("")
    made = new_identity("web", tmp_path)  # ssh-keygen asks before it overwrites
    assert "OPENSSH PRIVATE KEY" in made.host_key
    assert list(tmp_path.iterdir()) == []


def test_user_key_is_private(home: Home) -> None:
    private, public = user_key(home)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert public_half(private) == public.split()[:2]
    assert keys(home) == ["id_ed25519", "id_ed25519.pub"]


def test_user_key_is_made_once(home: Home) -> None:
    assert user_key(home) == user_key(home)


@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_user_key_remakes_a_lost_public_half(damage: str, home: Home) -> None:
    private, public = user_key(home)
    text = private.read_text()
    if damage == "missing":
        private.with_suffix(".pub").unlink()
    else:
        private.with_suffix(".pub").write_text("")
    again, public_again = user_key(home)
    assert again.read_text() == text
    assert public_again.split()[:2] == public.split()[:2]
    assert keys(home) == ["id_ed25519", "id_ed25519.pub"]


_FIRST_CALL = """
from bootwright.guest import identity
from bootwright.home import locate_home
begin()
identity.user_key(locate_home())
"""


def test_user_key_by_concurrent_callers_is_one_key(home: Home) -> None:
    finish(together(_FIRST_CALL, count=4))
    private, public = user_key(home)
    assert public_half(private) == public.split()[:2]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert keys(home) == ["id_ed25519", "id_ed25519.pub"]


def test_user_key_names_a_key_that_cannot_be_read(home: Home) -> None:
    private, _ = user_key(home)
    private.with_suffix(".pub").unlink()
    private.write_text("no key")
    with pytest.raises(HostError) as bad:
        user_key(home)
    assert str(bad.value).startswith(f"cannot read the key {private}: ")
    assert bad.value.hint == (
        "remove it: the next machine gets a new one; existing machines accept only the old one"
    )
    assert not private.with_suffix(".pub").exists()


def test_identity_make_without_ssh_keygen_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bootwright.host.tools._SBIN", "")
    with pytest.raises(HostError) as bad:
        new_identity("web", tmp_path)
    assert str(bad.value) == "not installed here: ssh-keygen (makes keys)"
    assert "sudo apt-get install openssh-client" in bad.value.hint


def test_identity_make_quotes_ssh_keygen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ssh-keygen"
    fake.write_text("#!/bin/sh\necho 'no entropy left' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(HostError, match=r"^ssh-keygen failed: no entropy left$"):
        new_identity("web", tmp_path)


def test_identity_fixed_is_always_the_same(tmp_path: Path) -> None:
    one = fixed_identity()
    assert one == fixed_identity()
    path = tmp_path / "key"
    path.write_text(one.host_key)
    path.chmod(0o600)
    assert public_half(path) == one.host_key_public.split()[:2]
    assert len(one.machine_id) == 32
    int(one.machine_id, 16)
