"""KVM, as far as it can be judged without booting anything."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from bootwright.host import clock, kvm


def _device(monkeypatch: pytest.MonkeyPatch, path: Path) -> str:
    monkeypatch.setattr(kvm, "DEVICE", str(path))
    return str(path)


def test_unusable_because_of_a_missing_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = _device(monkeypatch, tmp_path / "kvm")
    assert kvm.unusable_because() == (
        f"there is no {device} (virtualization is off in the firmware, or no module)"
    )


def test_unusable_because_of_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = _device(monkeypatch, tmp_path / "kvm")
    Path(device).touch(mode=0o000)
    if os.geteuid() == 0:
        # Root may open everything; without these rights for a moment it is as anybody.
        os.seteuid(65534)
        try:
            reason = kvm.unusable_because()
        finally:
            os.seteuid(0)
    else:
        reason = kvm.unusable_because()
    assert reason == f"no permission for {device} (join its group: sudo usermod -aG kvm $USER)"


def test_unusable_because_the_device_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = _device(monkeypatch, tmp_path)
    assert kvm.unusable_because() == f"{device} cannot be opened: Is a directory"


def test_unusable_because_the_device_is_not_kvm(monkeypatch: pytest.MonkeyPatch) -> None:
    _device(monkeypatch, Path("/dev/null"))
    assert kvm.unusable_because() == ("/dev/null does not answer: Inappropriate ioctl for device")


@pytest.mark.parametrize(("version", "reason"), [(12, ""), (11, "its API is version 11, not 12")])
def test_unusable_because_of_another_api_version(
    monkeypatch: pytest.MonkeyPatch, version: int, reason: str
) -> None:
    _device(monkeypatch, Path("/dev/null"))
    asked: list[int] = []

    def answer(_: int, request: int) -> int:
        asked.append(request)
        return version

    monkeypatch.setattr("fcntl.ioctl", answer)
    assert kvm.unusable_because() == reason
    assert asked == [0xAE00]


def test_unusable_because_closes_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    _device(monkeypatch, Path("/dev/null"))
    before = os.listdir("/proc/self/fd")
    kvm.unusable_because()
    assert os.listdir("/proc/self/fd") == before


def test_unusable_because_of_this_host_is_a_sentence() -> None:
    reason = kvm.unusable_because()
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        assert reason == "" or reason.startswith(("/dev/kvm ", "its API"))
    else:
        assert reason.startswith(("there is no /dev/kvm", "no permission for /dev/kvm"))


def test_boot_id_is_a_constant_uuid() -> None:
    assert str(uuid.UUID(clock.boot_id())) == clock.boot_id()


def test_identity_changes_with_the_node_and_the_module(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    assert kvm.identity(str(device), tmp_path) == ""
    device.touch()
    without = kvm.identity(str(device), tmp_path)
    assert without == kvm.identity(str(device), tmp_path) != ""
    (tmp_path / "kvm_intel").mkdir()
    (tmp_path / "kvm_intel" / "srcversion").write_text("4BC9\n")
    assert kvm.identity(str(device), tmp_path) == f"{without} kvm_intel-4BC9"
    other = tmp_path / "other"
    other.touch()
    assert kvm.identity(str(other), tmp_path) != kvm.identity(str(device), tmp_path)


@pytest.mark.parametrize(
    ("module", "value", "reason"),
    [
        ("kvm_intel", "N", "nested virtualization is off (kvm_intel: nested=N)"),
        ("kvm_amd", "0", "nested virtualization is off (kvm_amd: nested=0)"),
        ("kvm_intel", "Y", ""),
        ("kvm_amd", "1", ""),
    ],
)
def test_nested_off_because_of_the_modules_parameter(
    tmp_path: Path, module: str, value: str, reason: str
) -> None:
    parameter = tmp_path / module / "parameters/nested"
    parameter.parent.mkdir(parents=True)
    parameter.write_text(f"{value}\n")
    found, command = kvm.nested_off_because(tmp_path)
    assert found == reason
    assert (f"sudo modprobe {module} nested=1" in command) == bool(reason)


def test_nested_off_because_says_nothing_where_it_cannot_be_known(tmp_path: Path) -> None:
    assert kvm.nested_off_because(tmp_path) == ("", "")


@pytest.mark.parametrize(
    ("model", "emulated"),
    [
        ("QEMU Virtual CPU version 2.5+", True),
        ("QEMU TCG CPU version 2.5+", True),
        ("AMD EPYC 7B13", False),
    ],
)
def test_is_cpu_emulated(tmp_path: Path, model: str, emulated: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: {model}\n")
    assert kvm.is_cpu_emulated(tmp_path / "cpuinfo") is emulated
    assert not kvm.is_cpu_emulated(tmp_path / "absent")
