"""KVM, device nodes and user namespaces: what is there, what is not, and what that means."""

from __future__ import annotations

import os
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.defaults.kvm_trial import TrialResults
from bootwright.doctor import devices
from bootwright.doctor.check import Check
from bootwright.doctor.devices import DeviceNode
from tests.doctor.conftest import Programs

_KVM_REFUSAL = "a trial guest ended: failed to set MSR 0x10a to 0x69"


@pytest.fixture
def _kvm_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "")
    monkeypatch.setattr("bootwright.host.kvm.nested_off_because", lambda: ("", ""))


def kvm(memory: TrialResults, *, boot_id: str = "this", vmm_build: str = "7.2.0") -> Check:
    now = TrialResults(boot_id=boot_id, vmm_build=vmm_build)
    [check] = devices.kvm_works(memory, now, Path("/cache/kvm-trial.json"))
    assert (check.area, check.name) == ("host", "KVM")
    return check


_RUNS = TrialResults(boot_id="this", vmm_build="7.2.0", kvm_runs=True)


def test_kvm_works_reports_an_unusable_device(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "there is no /dev/kvm (no module)"
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: reason)
    check = kvm(_RUNS)
    assert check.state == "warning"
    assert check.text == (
        "there is no /dev/kvm (no module): machines run under TCG, which is slower"
    )


@pytest.mark.usefixtures("_kvm_opens")
@pytest.mark.parametrize("fails_with", [{}, {"sha256-1": "this kernel does not"}])
def test_kvm_works_reports_that_kvm_ran_a_guest(fails_with: dict[str, str]) -> None:
    # That a kernel ran speaks for the host, whatever another one did.
    runs = TrialResults(boot_id="this", vmm_build="7.2.0", kvm_runs=True, fails_with=fails_with)
    check = kvm(runs)
    assert (check.state, check.text) == ("ok", "works: a guest ran with it")


@pytest.mark.usefixtures("_kvm_opens")
def test_kvm_works_without_a_vmm_asks_for_no_build() -> None:
    assert kvm(_RUNS, vmm_build="").state == "ok"


@pytest.mark.usefixtures("_kvm_opens")
@pytest.mark.parametrize("memory", [TrialResults(), _RUNS])
def test_kvm_works_ignores_a_trial_of_another_host_boot(memory: TrialResults) -> None:
    check = kvm(memory, boot_id="another")
    assert check.state == "note"
    assert check.text == (
        "/dev/kvm exists; not yet tried since the host booted: the next run tries it"
    )


@pytest.mark.usefixtures("_kvm_opens")
def test_kvm_works_ignores_a_trial_of_another_vmm_build() -> None:
    check = kvm(_RUNS, vmm_build="9.0.1")
    assert check.state == "note"
    assert check.text == (
        "/dev/kvm exists; not yet tried with this QEMU, 9.0.1: the next run tries it"
    )


@pytest.mark.usefixtures("_kvm_opens")
def test_kvm_works_ignores_a_trial_of_another_module() -> None:
    check = kvm(replace(_RUNS, kvm="10:232-7"))
    assert check.text.startswith("/dev/kvm exists; not yet tried since KVM's module was loaded")


@pytest.mark.usefixtures("_kvm_opens")
def test_kvm_works_warns_of_a_device_that_runs_no_guest() -> None:
    failed = TrialResults(
        boot_id="this",
        vmm_build="7.2.0",
        refused=_KVM_REFUSAL,
        fails_with={"sha256-1": "it hung", "sha256-2": "it hung"},
    )
    check = kvm(failed)
    assert check.state == "warning"
    assert check.text == (
        f"/dev/kvm exists, but no guest ran with it ({_KVM_REFUSAL}; it hung): "
        "machines run under TCG, which is slower"
    )
    assert check.hint.startswith("in a virtual machine or a sandbox, ask for nested")
    assert check.hint.endswith("rm /cache/kvm-trial.json tries it again")


def device(path: Path) -> DeviceNode:
    return DeviceNode(name="tap", path=path, module="tun", without="no tap networks")


def opened(path: Path) -> Check:
    [check] = device(path).opens()
    assert (check.area, check.name) == ("host", "tap")
    return check


def test_devices_opens_reports_a_device_that_opens() -> None:
    check = opened(Path("/dev/null"))
    assert (check.state, check.text, check.hint) == ("ok", "/dev/null can be opened", "")


def test_devices_opens_closes_the_device() -> None:
    before = os.listdir("/proc/self/fd")
    opened(Path("/dev/null"))
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("below", ["tun", "file/tun"])
def test_devices_opens_reports_a_missing_device(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / below
    check = opened(path)
    assert (check.state, check.text) == ("note", f"{path} does not exist: no tap networks")
    assert check.hint == "sudo modprobe tun"


def test_devices_opens_reports_a_device_without_a_driver() -> None:
    # A socket's file gives the same error, ENXIO; its path must be short.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = Path(folder) / "tun"
        listening.bind(str(path))
        check = opened(path)
    assert check.state == "note"
    assert check.text == (f"{path} exists, but the kernel has no driver for it: no tap networks")
    assert check.hint == "sudo modprobe tun"


_READ_ONLY = Path("/proc/sys/kernel/ostype")
"""Not even root may write to it."""


@pytest.mark.usefixtures("ordinary")
def test_devices_opens_reports_a_device_without_permission() -> None:
    check = opened(_READ_ONLY)
    assert (check.state, check.text) == ("note", f"no permission for {_READ_ONLY}: no tap networks")
    assert check.hint == "run bootwright as root if you need it"


@pytest.mark.skipif(os.geteuid() != 0, reason="says what root is told")
def test_devices_opens_reports_a_device_that_a_container_denies_to_root() -> None:
    check = opened(_READ_ONLY)
    assert check.text == f"no permission for {_READ_ONLY}, even as root: no tap networks"
    assert check.hint == f"if this is a container, give it the device {_READ_ONLY}"


def test_devices_opens_reports_a_folder(tmp_path: Path) -> None:
    check = opened(tmp_path)
    assert check.text == f"cannot open {tmp_path}: Is a directory: no tap networks"
    assert check.hint == ""


def test_devices_opens_answers_for_each_device_of_this_host() -> None:
    for each in devices.DEVICES:
        [check] = each.opens()
        assert check.name == each.name
        assert str(each.path) in check.text
        assert (check.state == "ok") != check.text.endswith(each.without)


_NOBODY = 65534
_WITHOUT = ": building images needs root; booting does not"


class Host:
    """A host on which nobody, the user, is refused a user namespace."""

    def __init__(self, folder: Path) -> None:
        self._sysctls = folder / "sys"
        self.etc = folder / "etc"
        self.etc.mkdir()
        self.set("user.max_user_namespaces", "96365")
        for name in ("subuid", "subgid"):
            (self.etc / name).write_text("other:100000:65536\nnobody:165536:65536\n")

    def set(self, name: str, value: str) -> None:
        path = self._sysctls / name.replace(".", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")

    def says(self, *, refusal: str = "unshare failed", uid: int = _NOBODY) -> Check:
        [check] = devices.user_namespaces(
            uid=uid, attempt=lambda: refusal, sysctls=self._sysctls, etc=self.etc
        )
        assert (check.area, check.name) == ("host", "user namespaces")
        return check


@pytest.fixture
def host(tmp_path: Path, programs: Programs) -> Host:
    programs.add("newuidmap", "exit 0")
    return Host(tmp_path)


def test_user_namespaces_are_not_needed_by_root(host: Host) -> None:
    check = host.says(uid=0, refusal="never asked")
    assert (check.state, check.text) == ("ok", "not needed: root builds images without them")


def test_user_namespaces_granted_give_no_explanation(host: Host) -> None:
    (host.etc / "subuid").unlink()  # the ids may come from elsewhere; see subuid(5)
    check = host.says(refusal="")
    assert (check.state, check.text) == ("ok", "images can be built without root")


@pytest.mark.parametrize(
    ("name", "value", "allowing"),
    [
        ("user.max_user_namespaces", "0", "15000"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ],
)
def test_user_namespaces_refused_by_a_setting(
    host: Host, name: str, value: str, allowing: str
) -> None:
    host.set(name, allowing)
    assert host.says().text == "unshare failed" + _WITHOUT
    host.set(name, value)
    check = host.says()
    assert (check.state, check.text) == ("note", f"{name} is {value}{_WITHOUT}")
    assert check.hint == f"sudo sysctl {name}={allowing}"


@pytest.mark.parametrize("name", ["subuid", "subgid"])
@pytest.mark.parametrize(
    ("text", "first"), [("", 100000), ("other:100000:65536\nmore:200000:65536\n", 265536)]
)
def test_user_namespaces_of_a_user_without_subordinate_ids(
    host: Host, name: str, text: str, first: int
) -> None:
    (host.etc / name).write_text(text)
    check = host.says()
    assert check.text == f"{host.etc / name} has no entry for nobody{_WITHOUT}"
    assert check.hint == f"sudo usermod --add-{name}s {first}-{first + 65535} nobody"


def test_user_namespaces_on_a_host_without_subordinate_ids(host: Host) -> None:
    (host.etc / "subuid").unlink()
    assert host.says().text == f"{host.etc / 'subuid'} has no entry for nobody{_WITHOUT}"


def test_user_namespaces_accept_subordinate_ids_by_user_number(host: Host) -> None:
    (host.etc / "subuid").write_text(f"{_NOBODY}:100000:65536\n")
    assert host.says().text == "unshare failed" + _WITHOUT


def test_user_namespaces_of_a_user_without_a_name(host: Host) -> None:
    nameless = 3_999_999_999
    for name in ("subuid", "subgid"):
        (host.etc / name).write_text(f"{nameless}:100000:65536\n")
    assert host.says(uid=nameless).text == "unshare failed" + _WITHOUT
    (host.etc / "subgid").write_text("")
    check = host.says(uid=nameless)
    assert check.text == f"{host.etc / 'subgid'} has no entry for {nameless}{_WITHOUT}"


def test_user_namespaces_without_newuidmap(host: Host, programs: Programs) -> None:
    (programs.folder / "newuidmap").unlink()
    check = host.says()
    assert check.text == f"newuidmap is not installed{_WITHOUT}"
    assert check.hint == "on Debian: sudo apt-get install uidmap"


def test_user_namespaces_without_a_known_cause_quote_the_refusal(host: Host) -> None:
    check = host.says(refusal="unshare: unshare failed: Operation not permitted")
    assert check.text == f"unshare: unshare failed: Operation not permitted{_WITHOUT}"
    assert check.hint.startswith("install uidmap and add your user to /etc/subuid")


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 0", "images can be built without root"),
        ("echo unshare: no way >&2; echo more >&2; exit 1", f"unshare: no way{_WITHOUT}"),
        ("exit 3", f"unshare exited with status 3{_WITHOUT}"),
    ],
)
def test_user_namespaces_are_tried_with_unshare(
    host: Host, monkeypatch: pytest.MonkeyPatch, script: str, text: str
) -> None:
    monkeypatch.setattr(devices, "as_namespace_root", lambda: ["/bin/sh", "-c", script])
    [check] = devices.user_namespaces(uid=_NOBODY, sysctls=host.etc, etc=host.etc)
    assert check.text == text


def test_user_namespaces_without_unshare_name_the_program(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: _NOBODY)
    [check] = devices.user_namespaces(sysctls=host.etc, etc=host.etc)
    assert check.text == (
        "not installed here: unshare (gives a build its own user namespace)" + _WITHOUT
    )


@pytest.mark.usefixtures("ordinary")
def test_user_namespaces_answer_for_an_ordinary_user_of_this_host() -> None:
    [check] = devices.user_namespaces()
    assert (check.state == "ok") == (check.text == "images can be built without root")
    assert (check.state == "note") == check.text.endswith(_WITHOUT)


@pytest.mark.usefixtures("_kvm_opens")
def test_kvm_works_reports_that_guests_get_no_virtualization(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.nested_off_because", lambda: ("it is off", "do this"))
    now = TrialResults(boot_id="this", vmm_build="7.2.0")
    [_, check] = devices.kvm_works(_RUNS, now, Path("/cache/kvm-trial.json"))
    assert (check.name, check.state, check.hint) == ("nested KVM", "note", "do this")
    assert check.text == "it is off: guests with --nested run under TCG"
