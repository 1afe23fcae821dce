"""Changes: each does one thing, goes back exactly, and says what it goes with."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright import digest
from bootwright.change import GENERATORS, MASKS, Change, applied, inverse
from bootwright.change_text import FORMS, parse
from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.guest import seed
from bootwright.recipe import GuestFile, InitName, KernelFile, Recipe

RECIPE = Recipe(
    kernel=digest.of_bytes(b"kernel"),
    image=digest.of_bytes(b"image"),
    init="systemd",
    cmdline=("console=ttyS0", "quiet", "loglevel=4"),
    vmm="qemu",
    vmm_build="7.2",
    accelerator="tcg",
    machine="q35",
    cpu="qemu64",
    memory_mib=512,
    vcpus=1,
    disk="qcow2",
    disk_bytes=512,
    network="user",
    guest_files=(
        GuestFile(path="/init", digest=digest.of_bytes(b"init")),
        GuestFile(path="/seed/run/systemd/system/a", digest=digest.of_bytes(b"a")),
    ),
)
TINI = GuestFile(path="/seed/run/bootwright/tini", digest=digest.of_bytes(b"tini"), mode=0o755)


class Host:
    """Knows one kernel, one file and the init tini."""

    def kernel(self, name: str) -> tuple[Digest, KernelFile]:
        if digest.is_digest(name):
            return Digest(name), "bzImage"
        assert name == "mine"
        return digest.of_bytes(b"mine"), "bzImage"

    def file(self, path: str) -> GuestFile:
        return GuestFile(path="", digest=digest.of_bytes(path.encode()), mode=0o600)

    def empty(self) -> None:
        pass

    def init(self, name: InitName) -> tuple[tuple[GuestFile, ...], frozenset[str]]:
        files = (TINI,) if name == "tini" else ()
        return files, frozenset({TINI.path, "/seed/run/systemd/system/a"})


def change(text: str) -> Change:
    return parse(text, Host())


def after(*texts: str) -> Recipe:
    return applied(RECIPE, [change(text) for text in texts])


EXAMPLES = (
    *("cmdline+=cryptomgr.notests", "cmdline-=quiet", "cmdline:loglevel=7", "cmdline:lpj=1"),
    *("blacklist=b_init", "blacklist=a_init", "mask=cron.service", "mask=getty@tty1.service"),
    *("drop-generator=systemd-sysv-generator", "memory=256M", "vcpus=2", "cpu=max"),
    *("disk=pmem", "network=none", "kernel=mine", "file:/etc/motd=./motd"),
)
"""No two of them conflict."""
WHOLE = ("cmdline=quiet debug", "machine=microvm", "accelerator=kvm", "kernel-file=bzImage")


@pytest.mark.parametrize("text", [*EXAMPLES, *WHOLE, "init=tini", "config:CONFIG_SMP=n"])
def test_its_text_is_the_change(text: str) -> None:
    assert change(str(change(text))) == change(text)
    if not text.startswith("file:"):
        assert str(change(text)) == text


@pytest.mark.parametrize("text", [*EXAMPLES, *WHOLE])
def test_each_changes_something_and_goes_back_exactly(text: str) -> None:
    changed = after(text)
    assert changed != RECIPE
    back = inverse(change(text), RECIPE)
    assert applied(changed, back) == RECIPE
    assert applied(changed, [change(str(step)) for step in back]) == RECIPE


@pytest.mark.parametrize("text", [*EXAMPLES, *WHOLE])
def test_twice_is_once(text: str) -> None:
    assert applied(after(text), [change(text)]) == after(text) == after(text, text)


@given(st.sets(st.sampled_from(EXAMPLES)), st.randoms(use_true_random=False))
def test_in_any_order_they_give_the_same_recipe(texts: set[str], order: random.Random) -> None:
    shuffled = sorted(texts)
    order.shuffle(shuffled)
    assert after(*shuffled) == after(*sorted(texts))


def test_arguments() -> None:
    assert after("cmdline+=debug").cmdline == (*RECIPE.cmdline, "debug")
    assert after("cmdline-=quiet").cmdline == ("console=ttyS0", "loglevel=4")
    assert after("cmdline:loglevel=7").cmdline == ("console=ttyS0", "quiet", "loglevel=7")
    assert after("cmdline:lpj=9").cmdline[-1] == "lpj=9"
    two = replace(RECIPE, cmdline=("loglevel=1", "quiet", "loglevel=2"))
    assert applied(two, [change("cmdline:loglevel=3")]).cmdline == ("loglevel=3", "quiet")


def test_initcalls_share_one_argument() -> None:
    changed = after("blacklist=b_init", "blacklist=a_init")
    assert changed.cmdline[-1] == "initcall_blacklist=a_init,b_init"
    more = applied(changed, [change("blacklist=c_init")])
    assert more.cmdline == (*RECIPE.cmdline, "initcall_blacklist=a_init,b_init,c_init")


def test_masks_are_laid_where_the_seed_lays_them() -> None:
    assert f"{seed.RUN}/systemd/system.control" == MASKS
    assert f"{seed.RUN}/systemd/system-generators" == GENERATORS
    assert after("mask=cron.service", "drop-generator=g").guest_files[2:] == (
        GuestFile(path=f"{MASKS}/cron.service", digest=digest.of_bytes(b"")),
        GuestFile(path=f"{GENERATORS}/g", digest=digest.of_bytes(b"")),
    )


def test_a_file_takes_the_place_of_one_that_is_there() -> None:
    changed = after("file:/init=./other")
    assert changed.guest_files[0] == GuestFile(
        path="/init", digest=digest.of_bytes(b"./other"), mode=0o600
    )
    assert changed.guest_files[1:] == RECIPE.guest_files[1:]


def test_another_init_brings_its_files_and_takes_the_formers() -> None:
    changed = after("init=tini")
    assert changed.init == "tini"
    assert changed.guest_files == (RECIPE.guest_files[0], TINI)
    assert applied(changed, inverse(change("init=tini"), RECIPE)) == RECIPE


def test_another_kernel_boots_its_own_file() -> None:
    changed = after("kernel=mine")
    assert (changed.kernel, changed.kernel_file) == (digest.of_bytes(b"mine"), "bzImage")


@pytest.mark.parametrize(
    ("one", "other", "thing"),
    [
        ("memory=256M", "memory=1G", "memory_mib"),
        ("cmdline+=quiet", "cmdline-=quiet", "the argument quiet"),
        ("cmdline:loglevel=3", "cmdline:loglevel=5", "the arguments loglevel="),
        ("cmdline:loglevel=3", "cmdline+=loglevel=5", "the arguments loglevel="),
        ("cmdline=quiet", "cmdline+=debug", "cmdline"),
        ("blacklist=a", "cmdline+=initcall_blacklist=b", "the arguments initcall_blacklist="),
        ("kernel=mine", "config:CONFIG_SMP=n", "kernel"),
        ("config:CONFIG_SMP=n", "config:CONFIG_SMP=y", "CONFIG_SMP"),
        ("file:/a=./a", "file:/a=./b", "the guest file /a"),
        ("init=tini", "init=bare", "init"),
    ],
)
def test_those_that_conflict_say_so(one: str, other: str, thing: str) -> None:
    for texts in ((one, other), (other, one)):
        with pytest.raises(InputError) as bad:
            after(*texts)
        assert str(change(one)) in str(bad.value)
        assert str(change(other)) in str(bad.value)
        assert f"conflict: both decide {thing}" in str(bad.value)


def test_a_mask_means_nothing_to_another_init() -> None:
    with pytest.raises(InputError, match=r"mask=a\.service has no meaning with init 'tini'"):
        after("init=tini", "mask=a.service")


def test_a_kernel_option_needs_a_kernel_that_is_built() -> None:
    with pytest.raises(InputError, match="config:CONFIG_SMP=n needs a kernel that is built"):
        after("config:CONFIG_SMP=n")


def test_what_cannot_boot_is_refused_as_in_any_recipe() -> None:
    with pytest.raises(InputError, match="disk is 'pmem', which machine 'microvm' does not have"):
        after("disk=pmem", "machine=microvm")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is no change"),
        ("faster", "'faster' is no change"),
        ("speed=9", "'speed=9' is no change"),
        ("mask=cron", "'cron' is not a unit"),
        ("mask=../x.service", "'../x.service' is not a unit"),
        ("drop-generator=a/b", "'a/b' is not a generator's name"),
        ("blacklist=a-b", "'a-b' is not an initcall"),
        ("config:SMP=y", "'SMP' is not an option"),
        ("config:CONFIG_SMP=", "'config:CONFIG_SMP=' is no change"),
        ("cmdline+=", "names no word"),
        ("cmdline+=a b", "names several words"),
        ("cmdline:=3", "'cmdline:=3' is no change"),
        ("machine=pc", "machine is 'pc', but must be one of q35, microvm"),
        ("init=upstart", "init is 'upstart', but must be one of"),
        ("memory=lots", "memory=lots is no size"),
        ("vcpus=two", "vcpus=two is no number"),
        ("cpu=", "'cpu=' is no change"),
        ("file:etc/motd=x", "file:etc/motd names no absolute path"),
    ],
)
def test_what_is_no_change(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as bad:
        change(text)
    assert complaint in str(bad.value)
    assert bad.value.hint


def test_the_forms_that_are_told_are_read() -> None:
    heads = {form.partition("=")[0] for form in FORMS}
    read = {str(change(text)).partition("=")[0].split(":")[0] for text in (*EXAMPLES, *WHOLE)}
    assert {head.split(":")[0] for head in heads} - read == {"init", "config"}
