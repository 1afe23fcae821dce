"""Names and releases of stored kernels."""

from __future__ import annotations

from bootwright.home import Home
from bootwright.kernels.kernel import kernel_store, store_kernel
from bootwright.kernels.listing import releases


def test_releases_leave_out_kernels_that_are_gone(home: Home) -> None:
    with kernel_store(home).staged() as staged:
        (staged / "vmlinux").write_text("no kernel")
        kernel = store_kernel(home, staged, name="k", release="6.1.0", source="a test", pvh=True)
    gone = str(kernel.digest)[:-8] + "00000000"
    assert releases(home, [kernel.digest, gone]) == {kernel.digest: "6.1.0"}
    assert releases(home, ["None", ""]) == {}
