"""What systemd says into the kernel's log."""

from __future__ import annotations

from bootwright.timelines.kernel.loglines import log_lines
from bootwright.timelines.userspace.pid1log import Pid1Log, parse_pid1_log, spans

MS = 1_000_000


def told(*timed: tuple[float, str]) -> Pid1Log:
    log = "".join(f"[{ms / 1000:12.6f}] {text}\n" for ms, text in timed)
    return parse_pid1_log(log_lines(log)[0])


def test_units_lie_between_two_lines() -> None:
    found = told(
        (10, "systemd[1]: systemd 252 running in system mode"),
        (20, "systemd[1]: Starting Network Service..."),
        (30, "systemd[1]: Starting db.service - The Database..."),
        (50, "systemd[1]: Started db.service - The Database."),
        (70, "systemd[1]: Finished Network Service."),
        (75, "systemd[1]: Mounting /boot..."),
        (80, "systemd[1]: Mounted /boot."),
        (90, "systemd[1]: Starting Broken Thing..."),
        (95, "systemd[1]: Failed to start Broken Thing."),
    )
    assert found.first_ns == 10 * MS
    assert [(u.name, u.start_ns // MS, (u.end_ns or 0) // MS, u.failed) for u in found.started] == [
        ("Network Service", 20, 70, False),
        ("db.service", 30, 50, False),
        ("/boot", 75, 80, False),
        ("Broken Thing", 90, 95, True),
    ]
    made = spans(found, parent="p", end_ns=100 * MS)
    assert [(s.id, s.kind) for s in made][1] == ("unit.db.service", "work")
    assert made[3].name == "Broken Thing: failed"
    assert made[0].source == "lines 2-5: systemd starts it, it is up"


def test_a_unit_that_does_not_come_up_is_a_frame_to_the_end() -> None:
    found = told((0, "Linux version 6"), (20, "systemd[1]: Starting Slow..."), (900, "x"))
    (span,) = spans(found, parent="p", end_ns=900 * MS)
    assert (span.kind, span.start_ns, span.end_ns) == ("frame", 20 * MS, 900 * MS)


def test_a_unit_whose_purpose_is_to_wait_is_a_wait() -> None:
    found = told(
        (1, "systemd[1]: Starting Wait for Network to be Configured..."),
        (2, "systemd[1]: Starting systemd-networkd-wait-online.service - X..."),
        (5, "systemd[1]: Finished Wait for Network to be Configured."),
        (6, "systemd[1]: Finished systemd-networkd-wait-online.service - X."),
    )
    assert [span.kind for span in spans(found, parent="p", end_ns=9 * MS)] == ["wait", "wait"]


def test_the_same_unit_twice_is_two_spans() -> None:
    found = told(
        (1, "systemd[1]: Starting A..."),
        (2, "systemd[1]: Started A."),
        (3, "systemd[1]: Starting A..."),
        (4, "systemd[1]: Started A."),
    )
    assert [s.id for s in spans(found, parent="p", end_ns=9 * MS)] == ["unit.A", "unit.A#2"]


def test_what_went_wrong_is_told() -> None:
    found = told(
        (1, "systemd[1]: dev-sdb1.device: Job dev-sdb1.device/start timed out."),
        (2, "systemd[1]: Timed out waiting for device dev-sdb1.device."),
        (3, "systemd[1]: app.service: start operation timed out. Terminating."),
        (4, "systemd[1]: Reached target Emergency Mode."),
        (5, "Kernel panic - not syncing: VFS: Unable to mount root fs"),
    )
    assert found.warnings == (
        "the boot ended in emergency or rescue mode, line 4",
        "the kernel panicked, line 5: VFS: Unable to mount root fs",
        "units that timed out: dev-sdb1.device (line 1), app.service (line 3)",
    )


def test_the_end_of_the_boot_is_what_systemd_says() -> None:
    found = told((9, "systemd[1]: Startup finished in 1s (kernel) + 2s (userspace) = 3s."))
    assert found.finished is not None
    assert found.finished.number == 1
    assert told((9, "other[1]: Startup finished in 1s")).finished is None
