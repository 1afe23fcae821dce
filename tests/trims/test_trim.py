"""What goes and what stays, on graphs made here."""

from __future__ import annotations

from bootwright.images.files import Link
from bootwright.trims import trim
from bootwright.trims.trim import DropIn, DroppedGenerator, Mask, Trim
from tests.inits.samples import ETC, IMAGE, LIB, goes, planned, stays, wanted


def test_plan_removes_what_is_wanted_and_not_kept() -> None:
    plan = planned({f"{LIB}/cron.service": "[Service]\n", **wanted("cron.service")})
    assert goes(plan) == {"cron.service": "wanted by multi-user.target"}
    assert stays(plan) == {"ssh.service": "kept by ssh.service"}
    assert plan.notes == ()


def test_plan_keeps_what_a_kept_unit_needs() -> None:
    plan = planned(
        {
            f"{LIB}/web.service": "[Unit]\nRequires=db.service\nWants=log.service\n"
            "After=cron.service\n",
            f"{LIB}/db.service": "[Unit]\nBindsTo=store.service\n",
            f"{LIB}/store.service": "[Service]\n",
            f"{LIB}/log.service": "[Service]\n",
            f"{LIB}/cron.service": "[Service]\n",
            **wanted("web.service"),
            **wanted("db.service"),
            **wanted("log.service"),
            **wanted("cron.service"),
        },
        "web.service",
    )
    assert goes(plan) == {"cron.service": "wanted by multi-user.target"}, "order keeps nothing"
    assert stays(plan) == {
        "ssh.service": "kept by ssh.service",
        "web.service": "kept by web.service",
        "db.service": "web.service requires it",
        "store.service": "db.service requires it",
        "log.service": "web.service wants it",
    }


def test_plan_keeps_and_notes_what_a_target_requires() -> None:
    plan = planned(
        {
            f"{ETC}/multi-user.target.requires/guard.service": Link(f"{LIB}/guard.service"),
            f"{LIB}/guard.service": "[Service]\n",
        }
    )
    assert goes(plan) == {}
    assert stays(plan)["guard.service"] == "multi-user.target requires it"


def test_plan_removes_socket_timer_and_path_of_a_service() -> None:
    plan = planned(
        {
            f"{LIB}/a.service": "[Service]\n",
            f"{LIB}/a.socket": "[Socket]\n",
            f"{LIB}/b.timer": "[Timer]\nUnit=a.service\n",
            **wanted("a.service"),
            **wanted("a.socket", "sockets.target"),
            **wanted("b.timer"),
        }
    )
    assert goes(plan) == {
        "a.service": "wanted by multi-user.target",
        "a.socket": "wanted by sockets.target; it starts a.service, which is masked too",
        "b.timer": "wanted by multi-user.target; it starts a.service, which is masked too",
    }


def test_plan_keeps_socket_and_service_together() -> None:
    entries = {
        f"{LIB}/a.service": "[Service]\n",
        f"{LIB}/a.socket": "[Socket]\n",
        **wanted("a.socket", "sockets.target"),
    }
    by_service, by_socket = planned(entries, "a.service"), planned(entries, "a.s*t")
    assert goes(by_service) == goes(by_socket) == {}
    assert stays(by_service)["a.socket"] == "it starts a.service"
    assert stays(by_socket)["a.service"] == "a.socket starts it"


def test_plan_does_not_mask_what_only_removed_units_want() -> None:
    plan = planned(
        {
            f"{LIB}/a.service": "[Unit]\nWants=b.service\n",
            f"{LIB}/b.service": "[Service]\n",
            **wanted("a.service"),
        }
    )
    assert list(goes(plan)) == ["a.service"]


def test_plan_keeps_udev_for_units_that_wait_for_a_device() -> None:
    entries = {
        f"{LIB}/getty@.service": "[Unit]\nBindsTo=dev-%i.device\n",
        f"{LIB}/systemd-udevd.service": "[Service]\n",
        f"{LIB}/systemd-udev-trigger.service": "[Service]\n",
        **wanted("getty@tty1.service"),
        **wanted("systemd-udevd.service", "sysinit.target"),
        **wanted("systemd-udev-trigger.service", "sysinit.target"),
    }
    assert len(goes(planned(entries))) == 3
    plan = planned(entries, "getty@*")
    assert goes(plan) == {}
    assert stays(plan)["systemd-udevd.service"] == "getty@tty1.service waits for a device"


def test_plan_keeps_mounts_of_fstab() -> None:
    plan = planned(
        {
            "/usr/lib/systemd/system-generators/systemd-fstab-generator": "ELF",
            "/etc/fstab": "/dev/vdb /data ext4 nofail\n",
            f"{LIB}/systemd-udevd.service": "[Service]\n",
            **wanted("systemd-udevd.service", "sysinit.target"),
        },
        "systemd-remount-fs.service",
    )
    assert goes(plan) == {}
    assert stays(plan)["data.mount"] == "/etc/fstab names it"
    assert stays(plan)["systemd-udevd.service"] == "data.mount waits for a device"
    assert plan.trim.generators == ()


def test_plan_masks_generators_of_removed_units() -> None:
    folder = "/usr/lib/systemd/system-generators"
    entries = {
        f"{folder}/systemd-getty-generator": "ELF",
        f"{folder}/systemd-debug-generator": "ELF",
        f"{folder}/postgresql-generator": "ELF",
        f"{LIB}/getty.target": "[Unit]\n",
        f"{LIB}/serial-getty@.service": "[Service]\n",
        **wanted("getty.target"),
    }
    plan = planned(entries)
    assert [gone.path for gone in plan.trim.generators] == [f"{folder}/systemd-getty-generator"]
    assert plan.notes == ("unknown generators, kept with their units: postgresql-generator",)
    assert planned(entries, "serial-getty@*").trim.generators == ()


def test_trim_guest_files_lie_where_systemd_looks_first() -> None:
    made = Trim(
        name="t",
        image=IMAGE,
        keep=(),
        masks=(Mask(unit="a@b.service", reason="x"),),
        generators=(DroppedGenerator(path="/usr/lib/systemd/system-generators/g", reason="x"),),
        drop_ins=(DropIn(path="ssh.service.d/10-a.conf", content="[Unit]\n", reason="x"),),
    )
    assert trim.guest_files(made) == {
        "/bootwright/run/systemd/system.control/a@b.service": (b"", 0o644),
        "/bootwright/run/systemd/system-generators/g": (b"", 0o644),
        "/bootwright/run/systemd/system.control/ssh.service.d/10-a.conf": (b"[Unit]\n", 0o644),
    }
