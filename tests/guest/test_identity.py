"""A machine's own name, keys and addresses, and the user's key; made by the real ssh-keygen."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.guest import identity
from bootwright.home import Home


def public_half(private: Path) -> list[str]:
    done = subprocess.run(
        ["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[:2]


def test_every_value_has_its_form() -> None:
    made = identity.make("web")
    assert made.hostname == "web"
    assert re.fullmatch(r"[0-9a-f]{32}", made.machine_id)
    assert re.fullmatch(r"52:54:00(:[0-9a-f]{2}){3}", made.mac)
    assert re.fullmatch(r"[0-9a-f]{16}", made.token)


def test_the_host_keys_are_a_pair_named_after_the_machine(tmp_path: Path) -> None:
    made = identity.make("web")
    private = tmp_path / "key"
    private.touch(mode=0o600)
    private.write_text(made.host_key)
    assert public_half(private) == made.host_key_public.split()[:2]
    assert made.host_key_public.startswith("ssh-ed25519 ")
    assert made.host_key_public.endswith(" root@web")


def test_two_identities_share_nothing_but_the_name() -> None:
    one, two = identity.make("web"), identity.make("web")
    for field in ("machine_id", "mac", "token", "host_key", "host_key_public"):
        assert getattr(one, field) != getattr(two, field)


def test_the_users_key_is_for_its_owner_only(home: Home) -> None:
    private, public = identity.user_key(home)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert public_half(private) == public.split()[:2]
    assert sorted(path.name for path in home.keys.iterdir()) == ["id_ed25519", "id_ed25519.pub"]


def test_the_users_key_is_made_once(home: Home) -> None:
    assert identity.user_key(home) == identity.user_key(home)


def test_whoever_was_faster_has_made_the_key(home: Home) -> None:
    private, public = identity.user_key(home)
    text = private.read_text()
    private.with_suffix(".pub").unlink()  # as it is when two make it and one has got half-way
    again, public_again = identity.user_key(home)
    assert again.read_text() == text
    assert public_again.split()[:2] == public.split()[:2]
    assert sorted(path.name for path in home.keys.iterdir()) == ["id_ed25519", "id_ed25519.pub"]


def test_without_ssh_keygen_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bootwright.host.tools._SBIN", "")
    with pytest.raises(HostError) as bad:
        identity.make("web")
    assert str(bad.value) == "not installed here: ssh-keygen (makes keys)"
    assert "sudo apt-get install openssh-client" in bad.value.hint


def test_what_ssh_keygen_complains_of_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "ssh-keygen"
    fake.write_text("#!/bin/sh\necho 'no entropy left' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(HostError, match=r"^ssh-keygen failed: no entropy left$"):
        identity.make("web")
