"""What goes and what stays, on graphs made here."""

from __future__ import annotations

from collections.abc import Mapping

from bootwright.digest import Digest
from bootwright.images.files import Link
from bootwright.inits import trim
from bootwright.inits.trim import DropIn, DroppedGenerator, Mask, Plan, Trim
from tests.inits.test_graph import ETC, LIB, graph_of

IMAGE = Digest("sha256-" + "1" * 64)


def _wanted(unit: str, by: str = "multi-user.target") -> dict[str, bytes | str | Link]:
    return {f"{LIB}/{by}.wants/{unit}": Link(f"../{unit}")}


def _plan(entries: Mapping[str, bytes | str | Link], *keep: str) -> Plan:
    base: dict[str, bytes | str | Link] = {f"{LIB}/ssh.service": "[Service]\n"}
    keep = ("ssh.service", *keep)
    return trim.plan(
        graph_of({**base, **_wanted("ssh.service"), **entries}), name="t", image=IMAGE, keep=keep
    )


def _goes(plan: Plan) -> dict[str, str]:
    return {mask.unit: mask.reason for mask in plan.trim.masks}


def _stays(plan: Plan) -> dict[str, str]:
    return {stay.unit: stay.reason for stay in plan.stays}


def test_what_is_wanted_and_not_kept_goes() -> None:
    plan = _plan({f"{LIB}/cron.service": "[Service]\n", **_wanted("cron.service")})
    assert _goes(plan) == {"cron.service": "wanted by multi-user.target"}
    assert _stays(plan) == {"ssh.service": "kept by ssh.service"}
    assert plan.notes == ()


def test_what_a_kept_unit_needs_stays() -> None:
    plan = _plan(
        {
            f"{LIB}/web.service": "[Unit]\nRequires=db.service\nWants=log.service\n"
            "After=cron.service\n",
            f"{LIB}/db.service": "[Unit]\nBindsTo=store.service\n",
            f"{LIB}/store.service": "[Service]\n",
            f"{LIB}/log.service": "[Service]\n",
            f"{LIB}/cron.service": "[Service]\n",
            **_wanted("web.service"),
            **_wanted("db.service"),
            **_wanted("log.service"),
            **_wanted("cron.service"),
        },
        "web.service",
    )
    assert _goes(plan) == {"cron.service": "wanted by multi-user.target"}, "order keeps nothing"
    assert _stays(plan) == {
        "ssh.service": "kept by ssh.service",
        "web.service": "kept by web.service",
        "db.service": "web.service requires it",
        "store.service": "db.service requires it",
        "log.service": "web.service wants it",
    }


def test_what_a_target_requires_stays_with_a_word() -> None:
    plan = _plan(
        {
            f"{ETC}/multi-user.target.requires/guard.service": Link(f"{LIB}/guard.service"),
            f"{LIB}/guard.service": "[Service]\n",
        }
    )
    assert _goes(plan) == {}
    assert _stays(plan)["guard.service"] == "multi-user.target requires it"


def test_a_service_goes_with_its_socket_timer_and_path() -> None:
    plan = _plan(
        {
            f"{LIB}/a.service": "[Service]\n",
            f"{LIB}/a.socket": "[Socket]\n",
            f"{LIB}/b.timer": "[Timer]\nUnit=a.service\n",
            **_wanted("a.service"),
            **_wanted("a.socket", "sockets.target"),
            **_wanted("b.timer"),
        }
    )
    assert _goes(plan) == {
        "a.service": "wanted by multi-user.target",
        "a.socket": "wanted by sockets.target; it starts a.service, which goes too",
        "b.timer": "wanted by multi-user.target; it starts a.service, which goes too",
    }


def test_a_kept_service_keeps_its_socket_and_the_other_way_round() -> None:
    entries = {
        f"{LIB}/a.service": "[Service]\n",
        f"{LIB}/a.socket": "[Socket]\n",
        **_wanted("a.socket", "sockets.target"),
    }
    by_service, by_socket = _plan(entries, "a.service"), _plan(entries, "a.s*t")
    assert _goes(by_service) == _goes(by_socket) == {}
    assert _stays(by_service)["a.socket"] == "it starts a.service"
    assert _stays(by_socket)["a.service"] == "a.socket starts it"


def test_what_only_a_gone_unit_wants_is_not_masked() -> None:
    plan = _plan(
        {
            f"{LIB}/a.service": "[Unit]\nWants=b.service\n",
            f"{LIB}/b.service": "[Service]\n",
            **_wanted("a.service"),
        }
    )
    assert list(_goes(plan)) == ["a.service"]


def test_who_waits_for_a_device_keeps_the_device_manager() -> None:
    entries = {
        f"{LIB}/getty@.service": "[Unit]\nBindsTo=dev-%i.device\n",
        f"{LIB}/systemd-udevd.service": "[Service]\n",
        f"{LIB}/systemd-udev-trigger.service": "[Service]\n",
        **_wanted("getty@tty1.service"),
        **_wanted("systemd-udevd.service", "sysinit.target"),
        **_wanted("systemd-udev-trigger.service", "sysinit.target"),
    }
    assert len(_goes(_plan(entries))) == 3
    plan = _plan(entries, "getty@*")
    assert _goes(plan) == {}
    assert _stays(plan)["systemd-udevd.service"] == "getty@tty1.service waits for a device"


def test_what_fstab_names_stays() -> None:
    plan = _plan(
        {
            "/usr/lib/systemd/system-generators/systemd-fstab-generator": "ELF",
            "/etc/fstab": "/dev/vdb /data ext4 nofail\n",
            f"{LIB}/systemd-udevd.service": "[Service]\n",
            **_wanted("systemd-udevd.service", "sysinit.target"),
        },
        "systemd-remount-fs.service",
    )
    assert _goes(plan) == {}
    assert _stays(plan)["data.mount"] == "/etc/fstab names it"
    assert _stays(plan)["systemd-udevd.service"] == "data.mount waits for a device"
    assert plan.trim.generators == ()


def test_generators_of_nothing_kept_are_dropped() -> None:
    folder = "/usr/lib/systemd/system-generators"
    entries = {
        f"{folder}/systemd-getty-generator": "ELF",
        f"{folder}/systemd-debug-generator": "ELF",
        f"{folder}/postgresql-generator": "ELF",
        f"{LIB}/getty.target": "[Unit]\n",
        f"{LIB}/serial-getty@.service": "[Service]\n",
        **_wanted("getty.target"),
    }
    plan = _plan(entries)
    assert [gone.path for gone in plan.trim.generators] == [f"{folder}/systemd-getty-generator"]
    assert plan.notes == (
        "what these generators make is not known, and stays: postgresql-generator",
    )
    assert _plan(entries, "serial-getty@*").trim.generators == ()


def test_what_was_asked_for_in_vain_is_said() -> None:
    plan = trim.plan(
        graph_of({f"{LIB}/idle.service": "[Service]\n"}),
        name="t",
        image=IMAGE,
        keep=("nothing*", "idle.service"),
    )
    assert plan.notes == (
        "--keep nothing* is no unit of the image, or a masked one",
        "--keep idle.service: no boot of the image starts it",
        "no SSH server is kept: there will be no way to log in",
    )


def test_a_trim_is_laid_where_systemd_looks_first() -> None:
    made = Trim(
        name="t",
        image=IMAGE,
        keep=(),
        masks=(Mask(unit="a@b.service", reason="x"),),
        generators=(DroppedGenerator(path="/usr/lib/systemd/system-generators/g", reason="x"),),
        drop_ins=(DropIn(path="ssh.service.d/10-a.conf", content="[Unit]\n", reason="x"),),
    )
    assert trim.guest_files(made) == {
        "/seed/run/systemd/system.control/a@b.service": (b"", 0o644),
        "/seed/run/systemd/system-generators/g": (b"", 0o644),
        "/seed/run/systemd/system.control/ssh.service.d/10-a.conf": (b"[Unit]\n", 0o644),
    }
