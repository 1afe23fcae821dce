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
    from bootwright.booting.boot import boot as boot
    from bootwright.booting.boot import run as run
    from bootwright.booting.boot import start as start
    from bootwright.booting.vm import VM as VM
    from bootwright.booting.vm import Run as Run
    from bootwright.defaults.complete import complete as complete
    from bootwright.errors import BootwrightError as BootwrightError
    from bootwright.events import Event as Event
    from bootwright.events import Notice as Notice
    from bootwright.events import Progress as Progress
    from bootwright.evidence.analysis import BootTimeline as BootTimeline
    from bootwright.evidence.boot_timeline import timeline as timeline
    from bootwright.experiments.check import check as check
    from bootwright.experiments.compare import compare as compare
    from bootwright.experiments.kernels import compare_kernels as compare_kernels
    from bootwright.experiments.measure import measure as measure
    from bootwright.experiments.results import CheckResult as CheckResult
    from bootwright.experiments.results import CompareResult as CompareResult
    from bootwright.experiments.results import MeasureResult as MeasureResult
    from bootwright.experiments.trend import trend as trend
    from bootwright.history.history import History as History
    from bootwright.home import Home as Home
    from bootwright.home import locate_home as locate_home
    from bootwright.images.listing import images as images
    from bootwright.kernels.listing import kernels as kernels
    from bootwright.machines.ssh import Completed as Completed
    from bootwright.machines.survey import machines as machines
    from bootwright.probes.probing import probe as probe
    from bootwright.recipes.draft import Draft as Draft
    from bootwright.recipes.recipe import Recipe as Recipe
    from bootwright.timelines.phases import Phase as Phase
    from bootwright.trims.trimming import trim as trim

__all__ = [
    "VM",
    "BootTimeline",
    "BootwrightError",
    "CheckResult",
    "CompareResult",
    "Completed",
    "Draft",
    "Event",
    "History",
    "Home",
    "MeasureResult",
    "Notice",
    "Phase",
    "Progress",
    "Recipe",
    "Run",
    "__version__",
    "boot",
    "check",
    "compare",
    "compare_kernels",
    "complete",
    "errors",
    "images",
    "kernels",
    "locate_home",
    "machines",
    "measure",
    "probe",
    "run",
    "start",
    "sync",
    "timeline",
    "trend",
    "trim",
]

# name: (module, attribute); no attribute: the module itself. Each is imported above too.
_NAMES = {
    "BootTimeline": ("bootwright.evidence.analysis", "BootTimeline"),
    "BootwrightError": ("bootwright.errors", "BootwrightError"),
    "CheckResult": ("bootwright.experiments.results", "CheckResult"),
    "CompareResult": ("bootwright.experiments.results", "CompareResult"),
    "Completed": ("bootwright.machines.ssh", "Completed"),
    "Draft": ("bootwright.recipes.draft", "Draft"),
    "Event": ("bootwright.events", "Event"),
    "History": ("bootwright.history.history", "History"),
    "Home": ("bootwright.home", "Home"),
    "MeasureResult": ("bootwright.experiments.results", "MeasureResult"),
    "Notice": ("bootwright.events", "Notice"),
    "Phase": ("bootwright.timelines.phases", "Phase"),
    "Progress": ("bootwright.events", "Progress"),
    "Recipe": ("bootwright.recipes.recipe", "Recipe"),
    "Run": ("bootwright.booting.vm", "Run"),
    "VM": ("bootwright.booting.vm", "VM"),
    "boot": ("bootwright.booting.boot", "boot"),
    "check": ("bootwright.experiments.check", "check"),
    "compare": ("bootwright.experiments.compare", "compare"),
    "compare_kernels": ("bootwright.experiments.kernels", "compare_kernels"),
    "complete": ("bootwright.defaults.complete", "complete"),
    "errors": ("bootwright.errors", ""),
    "images": ("bootwright.images.listing", "images"),
    "kernels": ("bootwright.kernels.listing", "kernels"),
    "locate_home": ("bootwright.home", "locate_home"),
    "machines": ("bootwright.machines.survey", "machines"),
    "measure": ("bootwright.experiments.measure", "measure"),
    "probe": ("bootwright.probes.probing", "probe"),
    "run": ("bootwright.booting.boot", "run"),
    "start": ("bootwright.booting.boot", "start"),
    "sync": ("bootwright.sync", ""),
    "timeline": ("bootwright.evidence.boot_timeline", "timeline"),
    "trend": ("bootwright.experiments.trend", "trend"),
    "trim": ("bootwright.trims.trimming", "trim"),
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
