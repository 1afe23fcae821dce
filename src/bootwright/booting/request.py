"""Requests: what was asked of a boot, decided to the last detail. Imports no event loop.

A command requests its machine before it imports what follows one: see `machines.request`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bootwright.booting.preparing import check_timeout, default_timeout_s
from bootwright.defaults import kernelchoice
from bootwright.defaults.complete import complete, complete_now
from bootwright.defaults.kvm_trial import Choice
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines.folder import find_machine, require_free
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import (
    MachineSpec,
    check_console_login,
    check_host_name,
    fresh_name,
)
from bootwright.networks.user import forward
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import MIB, Recipe
from bootwright.values import dataclass

_OWN_MIB = 96
"""What a guest needs for itself, with a Debian kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRequest:
    """One start of a machine; all that was left open is decided."""

    home: Home
    spec: MachineSpec
    choice: Choice
    """Which accelerator and disk were chosen, and why."""
    timeout_s: float
    """How long the start-up may take."""
    image: str | None
    """What the user calls it; None for the tiny guest."""
    kernel: str
    """Likewise."""
    again: bool = False
    """Whether the machine of that name lies there already, and is to be started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A draft, and how its machine is to be run.

    Raises:
        InputError: what was given cannot be used, or does not go together.
    """

    home: Home
    draft: Draft
    name: str | None = None
    """The machine's; none: one is made from the image's."""
    publish: tuple[str, ...] = ()
    """Ports, ``HOST:GUEST``."""
    command: tuple[str, ...] = ()
    """What a guest runs that nobody logs in to; of others nothing of it is kept."""
    keep: bool = False
    console_login: bool = False
    """Whether the console has a root shell, without a password."""
    timeout_s: float | None = None
    """How long the start-up may take; None: as long as its accelerator needs."""

    def __post_init__(self) -> None:
        # Whatever is wrong with the words is reported before anything is fetched or tried.
        check(self.draft, self.command, keep=self.keep, publish=self.publish)
        check_timeout(self.timeout_s)
        if self.console_login:
            default = "none" if self.draft.image is None else "systemd"
            trimmed = "systemd-trimmed" if self.draft.trim else None
            check_console_login(self.draft.init or trimmed or default)
        if self.name:
            check_host_name(self.name)
        for rule in self.publish:
            forward(rule)

    def request_now(self, observe: Observer = ignore) -> BootRequest | None:
        """Decide what was left open if that takes no time; else return None.

        Args:
            observe: Given a `Notice` of the kernel if all is decided.

        Raises:
            NotFoundError: there is no such image or kernel.
            InputError: a machine has the name.
            HostError: the host lacks what the recipe needs.
        """
        self._check_name()
        found = complete_now(self.home, self.draft, observe)
        return None if found is None else self._request(*found)

    async def request(self, observe: Observer = ignore) -> BootRequest:
        """Decide what was left open.

        Args:
            observe: Given what takes a while: a kernel that is fetched, a trial of KVM.

        Raises:
            NotFoundError: there is no such image or kernel.
            InputError: a machine has the name.
            HostError: the host lacks what the recipe needs.
        """
        self._check_name()
        return self._request(*await complete(self.home, self.draft, observe))

    def _check_name(self) -> None:
        # The monitor claims the name; this saves what comes before that, such as a download.
        if self.name and (self.home.machines / self.name).exists():
            reclaim(self.home)  # a dead machine must not hold it
            require_free(self.home, self.name)

    def _request(self, recipe: Recipe, choice: Choice) -> BootRequest:
        spec = MachineSpec(
            name=self.name or fresh_name(self.draft.image),
            recipe=recipe,
            publish=tuple(forward(rule) for rule in self.publish),
            command=() if recipe.allows_login else self.command,
            kept=self.keep,
            console_login=self.console_login,
        )
        return BootRequest(
            home=self.home,
            spec=spec,
            choice=choice,
            timeout_s=self.timeout_s or default_timeout_s(recipe),
            image=self.draft.image,
            kernel=kernelchoice.name_of(self.home, self.draft),
        )


def check(draft: Draft, command: Sequence[str], *, keep: bool, publish: Sequence[str]) -> None:
    """Refuse what does not go together.

    Raises:
        InputError: something does not.
    """
    tiny, bare = draft.image is None, draft.init == "bare"
    what = "a tiny guest" if tiny else "a guest with --init bare"
    if (tiny or bare) and not command:
        how = "--tiny" if tiny else "IMAGE --init bare"
        raise InputError(
            f"{what} needs a command", hint=f"such as: bootwright run {how} -- uname -a"
        )
    if (tiny or bare) and keep:
        raise InputError(
            f"{what} ends with its command; it cannot be kept or detached",
            hint="leave out --keep and --detach, or boot an image"
            + ("" if tiny else " with another init"),
        )
    if tiny and publish:
        raise InputError(
            "a tiny guest has no network, so no port can lead into it",
            hint="leave out --publish, or boot an image",
        )
    if not draft.guest_clock.is_closed:
        return
    if not (tiny or bare):
        raise InputError(
            "nobody can log in to a guest on the virtual clock: it has no network, and its time "
            "advances too fast for a waiting connection",
            hint="one command runs on it: add --init bare, or --tiny without an image",
        )
    if publish:
        raise InputError(
            "a guest on the virtual clock has no network, so no port can lead into it",
            hint="leave out --publish, or --clock virtual",
        )


def input_limit_bytes(recipe: Recipe) -> int:
    """Return how much the command of a guest that nobody logs in to may read.

    The initramfs carries it, so it is in the guest's memory, twice while it is unpacked.
    """
    return max(1, (recipe.memory_mib - _OWN_MIB) // 3) * MIB


def check_input(recipe: Recipe, input: bytes, *, has_command: bool) -> None:
    """Refuse an input that no command could read.

    Raises:
        InputError: there is no command, or the input is larger than `input_limit_bytes`.
    """
    if input and not has_command:
        raise InputError("there is no command to read the input", hint='vm.run("cat", input="x")')
    limit = input_limit_bytes(recipe)
    if not recipe.allows_login and len(input) > limit:
        raise InputError(
            f"the standard input is larger than {limit // MIB} MiB, which a guest that nobody logs "
            f"in to can take with {recipe.memory_mib} MiB of memory",
            hint="give more, such as --memory 2G, or boot an image, whose command reads any amount",
        )


def kept(
    home: Home, name: str, timeout_s: float | None = None, *, console_login: bool | None = None
) -> BootRequest:
    """Return what starts a kept machine again.

    Args:
        console_login: Whether the console has a root shell this time; None: as it was made.

    Raises:
        NotFoundError: there is none of that name.
        InputError: the limit is not more than 0.
    """
    check_timeout(timeout_s)
    reclaim(home)
    spec = find_machine(home, name).spec()
    if console_login is not None:
        spec = replace(spec, console_login=console_login)
    recipe = spec.recipe
    return BootRequest(
        home=home,
        spec=spec,
        choice=Choice(accelerator=recipe.accelerator, reason="kept from when the machine was made"),
        timeout_s=timeout_s or default_timeout_s(recipe),
        image=image_store(home).name_of(recipe.image) if recipe.image else None,
        kernel=kernel_store(home).name_of(recipe.kernel),
        again=True,
    )
