"""How long the seed takes in a guest, by every kernel in the store; on the virtual clock.

Run by hand or by `make bench`; never a test. A sample is a seed of the guest's random numbers: the
same seed always takes the same time, whatever the host does. Guest time is a nanosecond an
instruction, so these are no figures of a real CPU; compare them with each other only.

    python -m benchmarks.seed [IMAGE [SEEDS]]
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import sys

from bootwright.defaults.complete import complete
from bootwright.evidence.unattended import collect, with_collector
from bootwright.home import Home, locate_home
from bootwright.kernels.kernel import kernel_store, load_kernel
from bootwright.recipes.draft import Draft

STRETCHES = {
    ("kernel", "initramfs.start"): "kernel to initramfs.start",
    ("initramfs.start", "initramfs.modules"): "seed: the kernel's own modules",
    ("initramfs.modules", "initramfs.done"): "seed: the rest",
    ("initramfs.start", "initramfs.done"): "seed",
    ("initramfs.done", "sshd.listening"): "initramfs.done to sshd.listening",
    ("sshd.listening", "sshd.accepting"): "sshd.listening to sshd.accepting",
}
WANTED_MS = 30
_TIMEOUT_S = 600


def guest_ns(home: Home, image: str, kernel: str, seed: int) -> dict[str, int]:
    """Return when each mark of one boot was taken on the guest's clock."""
    draft = Draft(image=image, kernel=kernel, clock="virtual", seed=seed)
    recipe = with_collector(home, asyncio.run(complete(home, draft))[0])
    boot = collect(home, recipe, name=f"bench-{os.getpid()}", timeout_s=_TIMEOUT_S)
    return {"kernel": 0, **asyncio.run(boot).guest_ns}


def row(name: str, samples: list[float]) -> str:
    """Return one line of the table."""
    return f"{name:<48}{min(samples):>9.3f}{statistics.median(samples):>9.3f}{max(samples):>9.3f}"


def main() -> None:
    """Measure and print."""
    image = sys.argv[1] if len(sys.argv) > 1 else "demo"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    home = locate_home()
    print(f"host: {platform.node()}, {os.cpu_count()} CPUs, Linux {platform.release()}, ", end="")
    print(f"load {os.getloadavg()[0]:.2f}; image {image}, seeds 1 to {count}")
    for kernel in kernel_store(home).names():
        boots = [guest_ns(home, image, kernel, seed) for seed in range(1, count + 1)]
        title = f"{kernel} ({load_kernel(home, kernel).release}), guest ms"
        print(f"{title:<48}{'min':>9}{'median':>9}{'max':>9}")
        for (begin, end), name in STRETCHES.items():
            print(row(name, [(boot[end] - boot[begin]) / 1e6 for boot in boots]))
    print(f"wanted for the initramfs: under {WANTED_MS} ms")


if __name__ == "__main__":
    main()
