"""Which cheap further look would explain what is unaccounted in a timeline."""

from __future__ import annotations

from bootwright.timelines.span import AFTER_INIT, ROOT, Timeline

TAKE_LOG = "dmesg >dmesg.txt, or journalctl -k -o short-monotonic >dmesg.txt"
TAKE_UNITS = "systemctl show --all '*' >units.txt"

_SHARE = 0.05
"""Less than this part of the boot is not worth another look."""


def further_looks(timeline: Timeline) -> tuple[str, ...]:
    """Return what to do for knowing more, a sentence each; empty: little is left, or nothing helps.

    A look is proposed for the part of the boot that it would fill, if that part is large.
    """
    unaccounted = timeline.unaccounted_ns()
    least_ns = max(1, int(timeline.total_ns * _SHARE))
    if unaccounted[ROOT] < least_ns:
        return ()
    found = []
    if timeline.clock == "virtual" and not timeline.samples:
        found.append("--sample boots once more to see where the vCPU was in that time")
    if timeline.clock == "guest":
        has_initcalls = any(".initcall." in span.id for span in timeline.spans)
        if not has_initcalls and unaccounted.get("kernel", 0) >= least_ns:
            found.append(
                "the log has no initcalls: boot with initcall_debug log_buf_len=8M on the kernel "
                "command line to see which functions ran, and how long each took"
            )
        if unaccounted.get(AFTER_INIT, 0) >= least_ns:
            found.append(
                f"if PID 1 is systemd, add its units with --units; get them with {TAKE_UNITS}"
            )
    return tuple(found)
