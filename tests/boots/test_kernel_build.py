"""Kernels built from the real source: what fails, what is interrupted, and what is dropped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.errors import BuildError
from bootwright.events import ignore
from bootwright.home import Home, locate_home
from bootwright.kbuild import configure, kconfig, make
from bootwright.kbuild.profile import parse_profile
from bootwright.kbuild.source import Source, debian_source, source_tree
from tests.boots.harness import Bootwright, until

pytestmark = pytest.mark.boot  # no VM, but minutes of a compiler's time

_SMALL = parse_profile(
    "small",
    """\
# small: what a test compiles
# base: allnoconfig
CONFIG_BLK_DEV_INITRD=y  # brings init/initramfs.o, which the test breaks
CONFIG_PRINTK=y          # a kernel that says something
CONFIG_BPF_JIT=y         # depends on MODULES, which is off, so it is dropped
CONFIG_NO_SUCH_THING=y   # no kernel has it
""",
)


@pytest.fixture(scope="module")
def home(builder: Bootwright, micro: str) -> Home:
    """The tests' own store; with micro, the source is there."""
    return locate_home(builder.environment)


@pytest.fixture
def broken(home: Home, tmp_path: Path) -> Source:
    """A user's tree: the real one, by links, with one file that does not compile."""
    real = debian_source(home)
    tree = tmp_path / "tree"
    subprocess.run(["cp", "-a", "--link", real.path, tree], check=True)
    file = tree / "init" / "initramfs.c"
    file.rename(file.with_suffix(".c.whole"))
    file.write_text('#error "a mistake of the user"\n')
    return Source(key="test", path=tree, title="a test", digest=real.digest)


def _objects(source: Source, home: Home, folder: Path) -> None:
    make.run(source, folder, ["init/"], jobs=2, expected=50, observe=ignore)


def test_kernel_build_names_its_failure_and_continues_when_fixed(
    broken: Source, home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    config = configure.write(home, _SMALL, broken, folder)

    found = {one.name: one.got for one in configure.dropped(_SMALL, config)}
    assert found == {"BPF_JIT": "n", "NO_SUCH_THING": "n"}
    options = kconfig.Options(broken.path, folder / ".config")
    assert options.missing("BPF_JIT") == "needs BPF and MODULES"
    assert options.missing("NO_SUCH_THING") == "this kernel has no such option"

    with pytest.raises(BuildError, match=r"at init/initramfs\.o") as raised:
        _objects(broken, home, folder)
    assert "which CONFIG_BLK_DEV_INITRD brought" in str(raised.value)
    assert "a mistake of the user" in raised.value.evidence

    file = broken.path / "init" / "initramfs.c"
    file.with_suffix(".c.whole").rename(file)
    made_before = (folder / "init" / "main.o").stat().st_mtime_ns
    _objects(broken, home, folder)
    assert (folder / "init" / "initramfs.o").exists()
    assert (folder / "init" / "main.o").stat().st_mtime_ns == made_before, "not compiled again"


def test_kernel_build_interrupted_leaves_no_process_and_continues(
    builder: Bootwright, micro: str, home: Home, tmp_path: Path
) -> None:
    own = builder.environment | {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    tree = tmp_path / "tree"
    subprocess.run(["cp", "-a", "--link", debian_source(home).path, tree], check=True)
    building = subprocess.Popen(
        [sys.executable, "-m", "bootwright", "kernel", "build", "micro", "--source", tree],
        env=own,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    out = tmp_path / "cache" / "bootwright" / "kernel-build"
    try:
        until(lambda: len(list(out.glob("*/micro/init/.*.o.cmd"))) > 2, "some objects", 300)
        os.killpg(building.pid, signal.SIGINT)
        assert building.wait(60) == 130
    finally:
        building.kill()
        building.wait()
        assert building.stderr is not None
        building.stderr.close()
    until(lambda: not _compilers(out), "make and its compilers to end", 30)
    assert not list((tmp_path / "data").rglob("vmlinux")), "half a kernel is in the store"
    [folder] = out.glob("*/micro")
    made = {path: path.stat().st_mtime_ns for path in (folder / "init").glob("*.o")}
    assert made, "make removed more than what was half made"
    _objects(source_tree(tree), home, folder)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert (folder / "init" / "built-in.a").exists()


def _compilers(out: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(out) in words:
                found.append(entry.name)
    return found


def test_kernel_build_of_what_is_built_runs_no_make(
    builder: Bootwright, micro: str, tmp_path: Path
) -> None:
    make = tmp_path / "make"
    make.write_text("#!/bin/sh\necho make was called >&2\nexit 99\n")
    make.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    without_make = replace(builder, environment=builder.environment | {"PATH": path})
    built = without_make.json("kernel", "build", "micro")
    assert built["built"] is False
    assert built["dropped"] == []


def test_kconfig_why_agrees_with_the_kernels_own_program(home: Home, micro: str) -> None:
    """Every option of the real source has the value that the kernel's own program gave it."""
    source = debian_source(home)
    config = home.kernels / "names" / micro / "config"
    options = kconfig.Options(source.path, config)
    values = configure.read(config)
    values.pop("CC_VERSION_TEXT")  # make hands that over
    wrong = {
        name: (value, options.why(name).value)
        for name, value in values.items()
        if options.why(name).value != value.strip('"')
    }
    assert wrong == {}
    assert len(values) > 700


def test_kernel_config_diff_of_two_kernels(builder: Bootwright, micro: str, kernel: str) -> None:
    found = builder.json("kernel", "config", "diff", kernel, micro)
    by_name = {row["name"]: row for row in found["differences"]}
    tests = by_name["CRYPTO_MANAGER_DISABLE_TESTS"]
    assert (tests["a"], tests["b"], tests["group"]) == ("n", "y", "self-tests")
    assert tests["prompt"] == "Disable run-time self tests"
    assert by_name["BLK_DEV_IO_TRACE"]["group"] == "debug and tracing"
    assert "init_blk_tracer" in by_name["BLK_DEV_IO_TRACE"]["initcalls"]
    assert by_name["RTC_CLASS"]["group"] == "drivers"


def test_kernel_build_lists_the_options_that_were_dropped(
    builder: Bootwright, micro: str, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.fragment"
    mine.write_text(
        "# base: profile micro\n"
        "CONFIG_ISO9660_FS=y  # seeds of cloud-init\n"
        "CONFIG_SQUASHFS=y  # its menu is off\n"
    )
    done = builder("kernel", "config", "diff", micro, mine, "--json")
    assert (
        "warning: CONFIG_SQUASHFS=y was dropped and is now n: needs MISC_FILESYSTEMS" in done.stderr
    )
    [only] = json.loads(done.stdout)["differences"]
    assert (only["name"], only["a"], only["b"]) == ("ISO9660_FS", "n", "y")
    assert only["initcalls"] == ["init_iso9660_fs"]
