"""The blocking face; QEMU and ssh are fakes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import bootwright
from bootwright import sync
from bootwright.errors import BootwrightError, GuestError, InputError, LostGuestError, VmmError
from bootwright.events import Event
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel
from bootwright.machines import control
from bootwright.machines.events import MarkReached
from bootwright.machines.folder import MachineFolder
from tests.booting.test_boot import POWERS_OFF, RUNS_COMMAND
from tests.machines.fakes import ssh_that_logs_in, until
from tests.machines.fixtures import add_image, add_kernel, fake, quiet_monitors
from tests.machines.samples import entries
from tests.machines.test_client_kept_machines import BOOTS
from tests.vmms.fakes import PROGRAM, Fake

__all__ = ["add_image", "add_kernel", "fake", "quiet_monitors"]
pytestmark = pytest.mark.usefixtures("quiet_monitors")
MODULES = {f"{name}.ko": b"" for name in ("virtio_pci", "virtio_blk", "virtio_net", "ext4")}

Boot = Callable[..., AbstractContextManager[sync.VM]]


def know_build(home: Home) -> None:
    """Let the VMM's version be known: the fake cannot tell it."""
    program = shutil.which(PROGRAM)
    assert program is not None
    status = os.stat(program)
    home.cache.mkdir(parents=True, exist_ok=True)
    key = f"{program} {status.st_mtime_ns} {status.st_size}"
    (home.cache / "qemu-build").write_text(f"{key}\n7.2.0")


@pytest.fixture
def boot(
    home: Home,
    add_kernel: Callable[..., Kernel],
    add_image: Callable[..., Image],
    fake: Fake,
    tmp_path: Path,
) -> Boot:
    """Return what boots a machine that lets everybody log in."""
    add_kernel(modules=MODULES)
    add_image()
    fake(POWERS_OFF + BOOTS)
    know_build(home)
    ssh_that_logs_in(tmp_path / "bin")

    def boot(**options: object) -> AbstractContextManager[sync.VM]:
        return sync.boot("web", name="web", accelerator="tcg", disk="qcow2", **options)  # type: ignore[arg-type]

    return boot


def signal_vmm(home: Home, number: signal.Signals) -> None:
    os.kill(control.status(MachineFolder(home.machines / "web")).vmm_pid, number)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "bootwright"]


def test_a_machine_is_used_for_the_length_of_a_block(
    home: Home, boot: Boot, tmp_path: Path
) -> None:
    seen: list[Event] = []
    with boot(observer=seen.append) as vm:
        done = vm.run("echo one; exit 3")
        assert (done.exit_status, done.stdout) == (3, "one\n")
        assert vm.run("echo", "a  b").stdout == "a  b\n"
        assert (vm.name, vm.endpoint.port, dict(vm.ports)) == ("web", 40001, {22: 40001})
        assert vm.console == "Linux version 6.1"
        assert vm.phases[-1].name == "SSH log-in"
        assert len(threads()) == 1
    assert vm.phases[-1].name == "clean-up"
    assert "machine.gone" in [event.name for event in seen if isinstance(event, MarkReached)]
    assert (entries(home), threads()) == ([], [])
    with pytest.raises(InputError, match=r"^the block that this machine belonged to is over$"):
        vm.run("true")


def test_one_command(home: Home, add_kernel: Callable[..., Kernel], fake: Fake) -> None:
    add_kernel()
    fake(RUNS_COMMAND)
    know_build(home)
    ran = sync.run("true", tiny=True, accelerator="tcg")
    assert (ran.exit_status, ran.stdout) == (3, "hello")
    assert ran.phases[-1].name == "clean-up"
    assert (entries(home), threads()) == ([], [])


async def test_it_works_where_a_loop_runs_already(home: Home, boot: Boot) -> None:
    # As in a notebook: what blocks is called in the very thread of the loop.
    with boot() as vm:
        assert vm.run("echo here").stdout == "here\n"
    assert asyncio.get_running_loop().is_running()


def test_it_works_in_any_thread(home: Home, boot: Boot) -> None:
    said: list[str] = []

    def work() -> None:
        with boot() as vm:
            said.append(vm.run("echo here").stdout)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == ["here\n"]


@pytest.mark.parametrize("error", [ValueError("mine"), StopIteration(), SystemExit(3)])
def test_an_exception_of_the_block_leaves_nothing(
    home: Home, boot: Boot, error: BaseException
) -> None:
    with pytest.raises(type(error)) as bad, boot():
        raise error
    assert bad.value is error
    assert not hasattr(error, "__notes__")
    assert (entries(home), threads()) == ([], [])


def test_a_start_that_fails_leaves_nothing(home: Home, boot: Boot, fake: Fake) -> None:
    fake("sys.exit(1)")
    know_build(home)
    with pytest.raises(VmmError), boot():
        pytest.fail("it did not start")
    assert (entries(home), threads()) == ([], [])


def interrupt_when(condition: Callable[[], object]) -> threading.Thread:
    """Press Ctrl-C as soon as something is so."""

    def press() -> None:
        while not condition():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_ctrl_c_during_the_start_leaves_nothing(home: Home, boot: Boot, fake: Fake) -> None:
    fake("pass")  # it is never ready
    know_build(home)
    pressing = interrupt_when(lambda: (home.machines / "web" / "control").exists())
    with pytest.raises(KeyboardInterrupt), boot():
        pytest.fail("it is not ready")
    pressing.join()
    assert (entries(home), threads()) == ([], [])


def test_ctrl_c_during_a_command_leaves_nothing(home: Home, boot: Boot, tmp_path: Path) -> None:
    pressing = interrupt_when((tmp_path / "runs").exists)
    with pytest.raises(KeyboardInterrupt), boot() as vm:
        vm.run(f"touch {tmp_path}/runs; exec sleep 60")
    pressing.join()
    assert (entries(home), threads()) == ([], [])


def failure(boot: Boot, body: Callable[[sync.VM], object]) -> BootwrightError:
    def use() -> None:
        with boot() as vm:
            body(vm)

    with pytest.raises(BootwrightError) as bad:
        use()
    assert bad.value.evidence == "Linux version 6.1"
    assert threads() == []
    return bad.value


def test_a_vmm_that_is_killed_fails_the_next_call(home: Home, boot: Boot) -> None:
    def use(vm: sync.VM) -> None:
        signal_vmm(home, signal.SIGKILL)
        vm.run("exec sleep 60")

    error = failure(boot, use)
    assert (type(error), str(error)) == (VmmError, "the VMM died (exit status -9)")
    assert entries(home) == []


def test_a_vmm_that_is_killed_fails_the_block(home: Home, boot: Boot) -> None:
    def use(vm: sync.VM) -> None:
        signal_vmm(home, signal.SIGKILL)
        until(vm._machine.ended.done, "the news of the VMM's end")

    assert type(failure(boot, use)) is VmmError
    assert entries(home) == []


def test_a_guest_that_powers_off_under_a_command(home: Home, boot: Boot) -> None:
    def use(vm: sync.VM) -> None:
        vm.run("true")
        thread = threading.Thread(target=signal_vmm, args=[home, signal.SIGUSR1])
        thread.start()
        try:
            vm.run("exec sleep 60")
        finally:
            thread.join()

    assert type(failure(boot, use)) is LostGuestError


def test_a_machine_of_ones_own_will_is_waited_for(home: Home, boot: Boot) -> None:
    with boot() as vm:
        vm.run("true")  # before the VMM is told to end, the monitor knows that it may
        signal_vmm(home, signal.SIGUSR1)
        assert vm.wait() == "powered-off"
        with pytest.raises(GuestError, match=r"^machine 'web' has ended: the guest powered itself"):
            vm.run("true")


def test_a_kept_machine_is_stopped_started_again_and_detached(home: Home, boot: Boot) -> None:
    with boot(keep=True) as vm:
        vm.stop()
    folder = MachineFolder(home.machines / "web")
    assert (entries(home), folder.is_alive()) == (["web"], False)
    with sync.start("web") as vm:
        vm.detach()
    assert folder.is_alive()
    asyncio.run(control.end(folder))


def test_signatures_are_those_of_the_library() -> None:
    import inspect

    for name in ("boot", "run", "start"):
        blocking, other = getattr(sync, name), getattr(bootwright, name)
        assert inspect.signature(blocking) == inspect.signature(other)
        assert blocking.__doc__ == other.__doc__
    public = [name for name in vars(bootwright.VM) if not name.startswith("_")]
    assert set(public) <= set(dir(sync.VM))
