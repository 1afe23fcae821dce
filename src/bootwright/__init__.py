"""bootwright boots real Linux VMs fast and shows where every millisecond of a boot goes.

    async with bootwright.boot("web", memory="1G") as vm:
        done = await vm.run("systemctl is-system-running")
        print(done.stdout, vm.phases)

`bootwright.sync` has the same without asyncio. A name is imported when it is first used.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
"""As type checkers see it: True. Not from `typing`, whose import takes longer than all of ours."""

if TYPE_CHECKING:
    from bootwright import errors as errors
    from bootwright import sync as sync
    from bootwright.events import Event as Event
    from bootwright.events import Notice as Notice
    from bootwright.events import Progress as Progress
    from bootwright.home import Home as Home
    from bootwright.machine.boot import boot as boot
    from bootwright.machine.boot import run as run
    from bootwright.machine.boot import start as start
    from bootwright.machine.ssh import Completed as Completed
    from bootwright.machine.vm import VM as VM
    from bootwright.machine.vm import Run as Run
    from bootwright.recipe import Recipe as Recipe
    from bootwright.timeline.phases import Phase as Phase

__all__ = [
    "VM",
    "Completed",
    "Event",
    "Home",
    "Notice",
    "Phase",
    "Progress",
    "Recipe",
    "Run",
    "__version__",
    "boot",
    "errors",
    "run",
    "start",
    "sync",
]

# name: (module, attribute); no attribute: the module itself. Each is imported above too.
_NAMES = {
    "Completed": ("bootwright.machine.ssh", "Completed"),
    "Event": ("bootwright.events", "Event"),
    "Home": ("bootwright.home", "Home"),
    "Notice": ("bootwright.events", "Notice"),
    "Phase": ("bootwright.timeline.phases", "Phase"),
    "Progress": ("bootwright.events", "Progress"),
    "Recipe": ("bootwright.recipe", "Recipe"),
    "Run": ("bootwright.machine.vm", "Run"),
    "VM": ("bootwright.machine.vm", "VM"),
    "boot": ("bootwright.machine.boot", "boot"),
    "errors": ("bootwright.errors", ""),
    "run": ("bootwright.machine.boot", "run"),
    "start": ("bootwright.machine.boot", "start"),
    "sync": ("bootwright.sync", ""),
}

# A type checker would take any name for one that this gives.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _NAMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module, attribute = _NAMES[name]
        value = getattr(import_module(module), attribute) if attribute else import_module(module)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_NAMES})
