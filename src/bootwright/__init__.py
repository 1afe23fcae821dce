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
    from bootwright import errors, sync
    from bootwright.booting.boot import boot, run, start
    from bootwright.booting.vm import VM, Run
    from bootwright.events import Event, Notice, Progress
    from bootwright.home import Home
    from bootwright.machines.ssh import Completed
    from bootwright.recipes.recipe import Recipe
    from bootwright.timelines.phases import Phase

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
    "Completed": ("bootwright.machines.ssh", "Completed"),
    "Event": ("bootwright.events", "Event"),
    "Home": ("bootwright.home", "Home"),
    "Notice": ("bootwright.events", "Notice"),
    "Phase": ("bootwright.timelines.phases", "Phase"),
    "Progress": ("bootwright.events", "Progress"),
    "Recipe": ("bootwright.recipes.recipe", "Recipe"),
    "Run": ("bootwright.booting.vm", "Run"),
    "VM": ("bootwright.booting.vm", "VM"),
    "boot": ("bootwright.booting.boot", "boot"),
    "errors": ("bootwright.errors", ""),
    "run": ("bootwright.booting.boot", "run"),
    "start": ("bootwright.booting.boot", "start"),
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
