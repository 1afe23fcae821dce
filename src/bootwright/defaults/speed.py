"""What a boot has by default because it is faster: each with its reason, its figure and its price.

Every one can be switched off by its name (``--without``), and ``--stock`` switches all of them off:
what is left is what QEMU and the kernel do by themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from bootwright.errors import InputError
from bootwright.recipes.recipe import Recipe
from bootwright.values import dataclass

TCG_CPU = "qemu64,+rdrand"
"""RDRAND is among what it keeps, so that no guest waits for randomness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FastDefault:
    """A choice made for speed."""

    name: str
    stock: str
    """What a boot has instead, once it is switched off."""
    reason: str
    measured: str
    """What it saved, where, from which point to which."""
    side_effect: str
    is_on: Callable[[Recipe], bool]
    needs: str = ""
    """Where alone it is on; empty: everywhere."""


def _argument(word: str) -> Callable[[Recipe], bool]:
    return lambda recipe: word in recipe.cmdline


FAST = (
    FastDefault(
        name="vmlinux",
        stock="bzImage: firmware loads it, and it unpacks itself",
        reason="the VMM starts the unpacked kernel at its PVH entry point: no firmware, no "
        "decompression",
        measured="344 ms (262 to 430) of 1884 ms to the guest's command, a tiny guest, Debian's "
        "kernel, wall clock under TCG, 10 pairs; on the virtual clock nothing shows, as the "
        "guest's clock starts once it is unpacked",
        side_effect="no KASLR: what chooses a random address is the code that unpacks",
        is_on=lambda recipe: recipe.kernel_file == "vmlinux",
        needs="kernels with a PVH entry point (CONFIG_PVH)",
    ),
    FastDefault(
        name="quiet",
        stock="every line of the kernel's log goes to the serial console",
        reason="each byte on a serial port is an exit from the guest",
        measured="17 ms of 762 ms to the initramfs, virtual clock, seeds 1 to 3; that clock gives "
        "an exit no price, a VMM does: 61 ms (-4 to 139) of 1572 ms, wall clock under TCG, 10 "
        "pairs",
        side_effect="the console shows warnings and worse only; dmesg has all lines",
        is_on=_argument("quiet"),
    ),
    FastDefault(
        name="cryptomgr.notests",
        stock="the kernel tries each cipher against known answers when it is registered",
        reason="the self-tests of ciphers are the longest initcall of many kernels",
        measured="880 ms of 1625 ms to the initramfs with Debian's 6.1 cloud kernel, virtual "
        "clock, seeds 1 to 3",
        side_effect="a cipher that computes wrongly is not found; FIPS mode needs the tests",
        is_on=_argument("cryptomgr.notests"),
    ),
    FastDefault(
        name="mitigations=off",
        stock="the kernel defends itself against speculative execution",
        reason="TCG runs no guest code speculatively: the defences protect nothing and only cost",
        measured="127 ms (15 to 378) of 12209 ms to a log-in with Debian 12, wall clock, 10 pairs; "
        "nothing on the virtual clock (within 1 % of 2.88 s to sshd, seeds 1 to 3)",
        side_effect="none under TCG",
        is_on=_argument("mitigations=off"),
        needs="TCG",
    ),
    FastDefault(
        name="no_timer_check",
        stock="the kernel waits for ten ticks, to see that the timer's interrupt arrives",
        reason="the check is for boards that are wired wrongly; under KVM kernels leave it out",
        measured="16 ms of 605 ms to the initramfs with Debian 12 on q35, virtual clock, seeds 1 "
        "to 3",
        side_effect="none in a virtual machine",
        is_on=_argument("no_timer_check"),
        needs="TCG",
    ),
    FastDefault(
        name="noapictimer",
        stock="the kernel measures its APIC timer, and uses it",
        reason="measuring it against another timer takes 100 ms, or twice that, and the other one "
        "serves a short guest as well; KVM's guests have a timer that wants no measuring",
        measured="204 ms of 247 ms to the initramfs with kernel micro, which uses an I/O APIC, on "
        "microvm; nothing with Debian's, which does not; virtual clock, seeds 1 to 3",
        side_effect="a guest that goes on for long sets its timers at a higher price",
        is_on=_argument("noapictimer"),
        needs="TCG, a guest without an image, one vCPU, and no --nested",
    ),
    FastDefault(
        name="noreplace-smp",
        stock="with one vCPU, the kernel patches what several would need out of its code",
        reason="patching takes longer than a short guest gains from it",
        measured="4.0 ms of 47 ms to the initramfs with kernel micro, 5.3 of 370 with Debian's, "
        "virtual clock, seeds 1 to 3",
        side_effect="locks cost what they cost with several vCPUs",
        is_on=_argument("noreplace-smp"),
        needs="TCG, a guest without an image, one vCPU, and no --nested",
    ),
    FastDefault(
        name="cpu",
        stock="max: every feature that QEMU can emulate",
        reason="a plain CPU is cheaper to emulate: guests use wide instructions if there are",
        measured="390 ms of 3276 ms to sshd with Debian 12, virtual clock, seeds 1 to 3",
        side_effect="programs built for x86-64-v2 or later do not run; --recipe takes another cpu",
        is_on=lambda recipe: recipe.cpu == TCG_CPU,
        needs="TCG, and no --nested: what runs virtual machines needs more, such as XSAVE",
    ),
    FastDefault(
        name="microvm",
        stock="q35: a PC with PCI and ACPI",
        reason="QEMU's small machine type has no PCI to enumerate and no firmware tables to read",
        measured="296 ms of 665 ms to the initramfs, a tiny guest, virtual clock, seeds 1 to 3",
        side_effect="no ACPI: the guest does not notice a pressed power button",
        is_on=lambda recipe: recipe.machine_type == "microvm",
        needs="TCG, and a guest without disk and network",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDefault:
    """A choice made for speed, and whether a recipe has it; see `FastDefault`."""

    name: str
    is_on: bool
    reason: str
    measured: str
    side_effect: str
    stock: str
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRecipe:
    """A recipe, and what of it is there for speed."""

    recipe: Recipe
    defaults: tuple[ExplainedDefault, ...]


def explain(recipe: Recipe) -> ExplainedRecipe:
    """Return *recipe* with each choice that could be made for speed."""
    return ExplainedRecipe(
        recipe=recipe,
        defaults=tuple(
            ExplainedDefault(
                name=default.name,
                is_on=default.is_on(recipe),
                reason=default.reason,
                measured=default.measured,
                side_effect=default.side_effect,
                stock=default.stock,
                needs=default.needs,
            )
            for default in FAST
        ),
    )


def check_names(names: tuple[str, ...]) -> None:
    """See that *names* are those of defaults.

    Raises:
        InputError: one is not.
    """
    known = [default.name for default in FAST]
    from bootwright import suggest  # here: no boot waits for it

    for name in names:
        if name not in known:
            raise InputError(
                f"without names {name!r}, which is not a default",
                hint=suggest.hint(name, known),
            )
