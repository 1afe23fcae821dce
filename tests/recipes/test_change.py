"""Changes: read, printed, taken back, and in any order the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.digest import Digest, digest_of_bytes
from bootwright.errors import InputError
from bootwright.guest import initramfs
from bootwright.recipes.change import GUEST_RUN, changed
from bootwright.recipes.change_text import parse, parse_all
from bootwright.recipes.recipe import GuestFile, InitName, KernelFile, Recipe


class Names:
    """A host on which everything is there, and its content is its name."""

    def kernel(self, name: str) -> tuple[Digest, KernelFile]:
        return digest_of_bytes(name.encode()), "bzImage"

    def file(self, path: str) -> tuple[Digest, int]:
        return Digest(path[:71]) if path.startswith("sha256-") else digest_of_bytes(
            path.encode()
        ), 0o755

    def init(self, name: InitName) -> tuple[GuestFile, ...]:
        return (GuestFile(path=f"{GUEST_RUN}/{name}", digest=digest_of_bytes(name.encode())),)

    def trim(self, name: str) -> tuple[GuestFile, ...]:
        return self.init("systemd-trimmed")


NAMES = Names()
RECIPE = Recipe(
    kernel=digest_of_bytes(b"kernel"),
    image=digest_of_bytes(b"image"),
    init="systemd",
    cmdline=("console=ttyS0", "quiet", "loglevel=7", "panic=-1"),
    vmm="qemu",
    vmm_build="7.2.17",
    accelerator="tcg",
    machine_type="q35",
    cpu="qemu64",
    memory_mib=512,
    vcpus=1,
    disk="qcow2",
    disk_bytes=1 << 30,
    network="user",
    guest_files=(
        GuestFile(path="/init", digest=digest_of_bytes(b"seed")),
        GuestFile(path=f"{GUEST_RUN}/systemd", digest=digest_of_bytes(b"systemd")),
    ),
)
TEXTS = (
    "cmdline+=cryptomgr.notests",
    "cmdline+=a=1",
    "cmdline+=quiet",
    "cmdline-=quiet",
    "cmdline-=nothing",
    "cmdline:loglevel=3",
    "cmdline:loglevel=4",
    "cmdline:new=1",
    "cmdline=quiet panic=1",
    "blacklist=init_blk_tracer",
    "blacklist=cubictcp_register",
    "mask=e2scrub_reap.service",
    "mask=apt-daily.timer",
    "drop-generator=systemd-gpt-auto-generator",
    "init=tini",
    "trim=small",
    "kernel=fc",
    "kernel=tiny",
    "memory=1G",
    "memory=256M",
    "vcpus=2",
    "machine-type=microvm",
    "disk=pmem",
    "network=none",
    "cpu=max",
    "nested=true",
    "accelerator=kvm",
    "vmm.tb-size=64",
    "vmm.hpet=off",
    "file:/run/udev/rules.d/x.rules=x.rules",
    "drop-file=/run/systemd",
)


def test_change_run_folder_is_the_one_of_the_initramfs() -> None:
    assert GUEST_RUN == initramfs.GUEST_RUN


@pytest.mark.parametrize("text", [*TEXTS, "config:CONFIG_SMP=n"])
def test_parse_reads_what_str_of_a_change_prints(text: str) -> None:
    change = parse(text, NAMES)
    again = parse(str(change), NAMES)
    assert (again, hash(again)) == (change, hash(change))


@pytest.mark.parametrize("text", TEXTS)
def test_inverse_change_restores_the_recipe(text: str) -> None:
    recipe = replace(RECIPE, vmm_options=("smm=off",))
    change = parse(text, NAMES)
    if text == "machine-type=microvm":
        after = replace(recipe, machine_type="microvm")
        assert change(recipe) == after
    back = change.inverse(recipe)
    assert back(change(recipe)) == recipe
    assert parse(str(back), NAMES)(change(recipe)) == recipe


@given(st.permutations(TEXTS), st.integers(1, len(TEXTS)))
def test_changed_gives_one_result_in_any_order_or_a_conflict(
    texts: Sequence[str], count: int
) -> None:
    changes = parse_all(texts[:count], NAMES)

    def outcome(order: Sequence[object]) -> object:
        try:
            return changed(RECIPE, order)  # type: ignore[arg-type]
        except InputError as error:
            return str(error)

    assert outcome(changes) == outcome(changes[::-1]) == outcome(sorted(changes, key=str))


@given(st.permutations(TEXTS))
def test_changed_applies_every_change_that_does_not_conflict(texts: Sequence[str]) -> None:
    """One by one, in this order, as all at once; but for where arguments stand."""
    chosen: list[str] = []
    for text in texts:
        try:
            changed(RECIPE, parse_all([*chosen, text], NAMES))
        except InputError:
            continue
        chosen.append(text)
    together = changed(RECIPE, parse_all(chosen, NAMES))
    for text in chosen:
        assert set(parse(text, NAMES)(together).cmdline) == set(together.cmdline)
        if not text.startswith(("init", "trim")):
            assert parse(text, NAMES)(together) == together


@pytest.mark.parametrize(
    "pair",
    [
        ("cmdline+=quiet", "cmdline-=quiet"),
        ("cmdline:loglevel=3", "cmdline:loglevel=4"),
        ("cmdline:loglevel=3", "cmdline-=loglevel=7"),
        ("cmdline+=initcall_blacklist=a", "blacklist=b"),
        ("cmdline=quiet", "cmdline+=b"),
        ("memory=1G", "memory=256M"),
        ("kernel=fc", "kernel=tiny"),
        ("kernel=fc", "config:CONFIG_SMP=n"),
        ("config:CONFIG_SMP=y", "config:CONFIG_SMP=n"),
        ("init=tini", "trim=small"),
        ("vmm.hpet=on", "vmm.hpet=off"),
        ("file:/run/a=x", "drop-file=/run/a"),
    ],
)
def test_changed_names_both_conflicting_changes(pair: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="conflict") as caught:
        changed(RECIPE, parse_all(pair, NAMES))
    assert all(text in str(caught.value) for text in pair)


def test_changed_applies_all_changes_at_once() -> None:
    """microvm has no pmem, and neither order of the two has a bootable recipe between."""
    recipe = replace(RECIPE, machine_type="microvm")
    after = changed(recipe, parse_all(["disk=pmem", "machine-type=q35"], NAMES))
    assert (after.disk, after.machine_type) == ("pmem", "q35")


def test_changed_effect_of_each_kind_of_change() -> None:
    texts = ["blacklist=b", "cmdline+=x", "blacklist=a", "cmdline-=quiet", "cmdline:loglevel=3"]
    after = changed(replace(RECIPE, cmdline=(*RECIPE.cmdline, "--", "1")), parse_all(texts, NAMES))
    assert " ".join(after.cmdline) == (
        "console=ttyS0 loglevel=3 panic=-1 x initcall_blacklist=a,b -- 1"
    )
    masked = changed(RECIPE, parse_all(["mask=a.service"], NAMES)).guest_files[-1]
    assert masked.path == "/bootwright/run/systemd/system.control/a.service"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("quiet", "unknown change"),
        ("cmdline+=", "missing value"),
        ("cmdline+=a b", "one word"),
        ("speed=9", "unknown change"),
        ("machine-type=i440fx", "q35, microvm"),
        ("memory=lots", "invalid size"),
        ("nested=yes", "must be one of true, false"),
        ("memory=1", "memory_mib is 1"),
        ("vcpus=two", "must be a whole number"),
        ("vmm.cpu=max", "write cpu=max"),
        ("mask=../x.service", "no unit"),
        ("init=systemd-trimmed", "trim=NAME"),
        ("vmm.machine=a,b", "no value"),
        ("file:run/x=y", "absolute"),
        ("file:/run/../x=y", "absolute"),
        ("file:/etc/x=y", "below /run"),
        ("config:SMP=y", "no option"),
        ("config:CONFIG_SMP=y", "needs a kernel built with it"),
    ],
)
def test_parse_refuses_invalid_changes(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, NAMES)(RECIPE)
    assert why in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("memry=1G", "did you mean memory=SIZE?"),
        ("cmdlin+=quiet", "did you mean cmdline+=ARG?"),
        (
            "memory=5Q",
            "such as memory=SIZE (Memory, such as 512M (the default; 2G with --nested) or 4G)",
        ),
        ("config:SMP=y", "such as config:CONFIG_X=VALUE (a kernel built with this option)"),
        ("mask=ssh", "such as mask=UNIT (do not start a systemd unit)"),
    ],
)
def test_parse_hints_at_the_form_of_a_change(text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, NAMES)
    assert caught.value.hint == hint


def test_parse_hint_says_what_lists_all_changes() -> None:
    with pytest.raises(InputError) as caught:
        parse("faster", NAMES)
    assert "bootwright compare --with help lists all changes" in caught.value.hint


def test_changed_refuses_a_mask_without_systemd() -> None:
    with pytest.raises(InputError, match=r"mask=a\.service is for systemd, but init is 'tini'"):
        changed(RECIPE, parse_all(["init=tini", "mask=a.service"], NAMES))


def test_opposite_undoes_a_change() -> None:
    added = parse("cmdline+=quiet", NAMES)
    assert str(added.opposite()) == "cmdline-=quiet"
    for text in ("cmdline:nosuch=3", "mask=a.service", "file:/run/x=y"):
        change = parse(text, NAMES)
        opposite = change.opposite()
        assert opposite is not None
        assert opposite(change(RECIPE)) == RECIPE
        assert parse(str(opposite), NAMES) == opposite
    assert parse("memory=1G", NAMES).opposite() is None
    assert parse("drop-file=/run/x", NAMES).opposite() is None


def test_parse_kernel_change_boots_that_kernels_own_file() -> None:
    recipe = parse("kernel=mine", NAMES)(RECIPE)
    assert (recipe.kernel, recipe.kernel_file) == (digest_of_bytes(b"mine"), "bzImage")


def test_a_flag_changes_to_true_and_back() -> None:
    on = parse("nested=true", NAMES)
    after = on(RECIPE)
    assert after.nested is True
    assert str(on.inverse(RECIPE)) == "nested=false"
    assert on.inverse(RECIPE)(after) == RECIPE
