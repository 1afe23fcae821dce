"""What stays besides what was asked for: the bus, and who makes paths and users."""

from __future__ import annotations

from bootwright.images.files import Link
from bootwright.trims import trim
from bootwright.trims.kept import DEFAULT_KEEP
from tests.inits.samples import IMAGE, LIB, goes, graph_of, planned, stays, wanted

Entries = dict[str, bytes | str | Link]

BUS: Entries = {
    f"{LIB}/dbus.service": "[Unit]\nRequires=dbus.socket\n",
    f"{LIB}/dbus.socket": "[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    **wanted("dbus.service"),
    **wanted("dbus.socket", "sockets.target"),
}
MAKERS: Entries = {
    f"{LIB}/systemd-tmpfiles-setup.service": "[Unit]\nDefaultDependencies=no\n",
    f"{LIB}/systemd-sysusers.service": "[Unit]\nDefaultDependencies=no\n",
    f"{LIB}/systemd-user-sessions.service": "[Service]\n",
    **wanted("systemd-tmpfiles-setup.service", "sysinit.target"),
    **wanted("systemd-sysusers.service", "sysinit.target"),
    **wanted("systemd-user-sessions.service"),
}


def _service(unit: str, text: str) -> Entries:
    return {f"{LIB}/{unit}": text, **wanted(unit)}


def _bus_stays(text: str) -> str:
    plan = planned({**BUS, **_service("a.service", text)}, "a.service")
    assert ("dbus.service" in goes(plan)) == ("dbus.service" not in stays(plan))
    return stays(plan).get("dbus.socket", "")


def test_plan_keeps_dbus_for_units_that_need_it() -> None:
    assert _bus_stays("[Service]\nType=dbus\nBusName=org.a\n") == "a.service requires it"
    by_name = _bus_stays("[Service]\nType=notify\nBusName=org.a\n")
    assert by_name == "dbus.service requires it", "the service stays for the bus name"
    assert _bus_stays("[Unit]\nWants=dbus.socket\n") == "a.service wants it"
    assert _bus_stays("[Unit]\nAfter=dbus.socket\n") == "dbus.service requires it"
    assert _bus_stays("[Unit]\nAfter=network.target\n") == ""


def test_plan_says_why_dbus_is_kept() -> None:
    named = _service("a.service", "[Service]\nType=notify\nBusName=org.a\n")
    said = stays(planned({**BUS, **named}, "a.service"))["dbus.service"]
    assert said == "a.service has the bus name org.a"
    ordered = _service("a.service", "[Unit]\nAfter=dbus.service\n")
    assert stays(planned({**BUS, **ordered}, "a.service"))["dbus.service"] == (
        "a.service is ordered after it"
    )


def test_plan_knows_dbus_by_its_aliases() -> None:
    entries: Entries = {
        f"{LIB}/dbus-broker.service": "[Unit]\nRequires=dbus.socket\n",
        f"{LIB}/dbus.service": Link("dbus-broker.service"),
        f"{LIB}/dbus.socket": "[Socket]\n",
        **wanted("dbus.socket", "sockets.target"),
        **_service("a.service", "[Service]\nType=notify\nBusName=org.a\n"),
    }
    plan = planned(entries, "a.service")
    assert stays(plan)["dbus-broker.service"] == "a.service has the bus name org.a"


def test_plan_keep_accepts_a_unit_started_by_a_bus_call() -> None:
    entries: Entries = {
        **BUS,
        f"{LIB}/host.service": "[Service]\n",
        "/usr/share/dbus-1/system-services/org.host.service": "[D-BUS Service]\nName=org.host\n"
        "SystemdService=host.service\n",
    }
    plan = planned(entries, "host.service")
    assert goes(plan) == {}
    assert stays(plan)["host.service"] == "kept by host.service"
    assert stays(plan)["dbus.service"] == "host.service has the bus name org.host"
    assert plan.notes == ()
    without = {path: entry for path, entry in entries.items() if "dbus.s" not in path}
    assert planned(without, "host.service").notes == (
        "--keep host.service: a boot of the image does not start it: it is static, so it starts "
        "only if another unit pulls it in",
    )


def test_plan_keeps_tmpfiles_for_paths_of_kept_units() -> None:
    conf = "/usr/lib/tmpfiles.d/x.conf"
    entries: Entries = {
        **MAKERS,
        **_service("web.service", "[Service]\nPIDFile=/run/x/web.pid\n"),
        conf: "d /run/x\n",
    }
    assert "systemd-tmpfiles-setup.service" in goes(planned(entries))
    plan = planned(entries, "web.service")
    assert stays(plan)["systemd-tmpfiles-setup.service"] == (
        f"web.service needs /run/x, created by {conf}"
    )
    assert set(goes(plan)) == {"systemd-sysusers.service", "systemd-user-sessions.service"}


def test_plan_keeps_sysusers_for_users_of_kept_units() -> None:
    conf = "/usr/lib/sysusers.d/web.conf"
    entries: Entries = {
        **MAKERS,
        **_service("web.service", "[Service]\nUser=web\n"),
        conf: "u web -\n",
    }
    assert stays(planned(entries, "web.service"))["systemd-sysusers.service"] == (
        f"web.service runs as web, created by {conf}"
    )
    there: Entries = {**entries, "/etc/passwd": "web:x:5:5::/:/bin/false\n"}
    assert "systemd-sysusers.service" in goes(planned(there, "web.service"))


def test_plan_keeps_what_removes_nologin() -> None:
    conf = "/usr/lib/tmpfiles.d/systemd-nologin.conf"
    entries: Entries = {**MAKERS, conf: 'f+! /run/nologin 0644 - - - "booting"\n'}
    assert len(goes(planned(entries))) == 3
    plan = planned(entries, "systemd-tmpfiles-setup.service")
    assert stays(plan)["systemd-user-sessions.service"] == (
        f"it removes /run/nologin, created by {conf}"
    )


def test_plan_notes_units_asked_for_in_vain() -> None:
    plan = trim.plan_trim(
        graph_of(
            {
                f"{LIB}/idle.service": "[Service]\n",
                f"{LIB}/more-idle.service": "[Install]\nWantedBy=multi-user.target\n",
                f"{LIB}/far.service": "[Service]\n",
                f"{LIB}/on.service": "[Install]\nWantedBy=far.target\n",
                f"{LIB}/off.service": "[Install]\nWantedBy=multi-user.target\n",
                f"{LIB}/far.target": "[Unit]\nWants=far.service on.service off.service\n",
                "/usr/lib/systemd/system-preset/90.preset": "disable *\n",
            }
        ),
        name="t",
        image=IMAGE,
        keep=(
            "idle.service",
            "more-idle.service",
            "*idle*",
            "far.service",
            "on.service",
            "off.service",
        ),
    )
    assert plan.notes == (
        "no SSH server is kept: bootwright run refuses this trim, as nobody could log in",
        "--keep idle.service: a boot of the image does not start it: it is static, so it starts "
        "only if another unit pulls it in",
        "--keep more-idle.service: a boot of the image does not start it: it is disabled (its "
        "preset is disable, by /usr/lib/systemd/system-preset/90.preset); in the guest: systemctl "
        "enable more-idle.service",
        "--keep *idle*: a boot of the image does not start it",
        "--keep far.service: a boot of the image does not start it, nor far.target, which "
        "would start it",
        "--keep on.service: a boot of the image does not start it, nor far.target, which would "
        "start it",
        "--keep off.service: a boot of the image does not start it: it is disabled (its preset "
        "is disable, by /usr/lib/systemd/system-preset/90.preset); in the guest: systemctl enable "
        "off.service",
    )


def test_plan_keeps_what_included_packages_ship_if_a_boot_starts_it() -> None:
    entries: Entries = {
        **_service("web.service", "[Unit]\nWants=log.service\n"),
        f"{LIB}/log.service": "[Service]\n",
        f"{LIB}/idle.service": "[Service]\n",
        **wanted("db@main.service"),
        f"{LIB}/db@.service": "[Service]\n",
        **_service("other.service", "[Service]\n"),
    }
    plan = trim.plan_trim(
        graph_of({**entries, **_service("ssh.service", "[Service]\n")}),
        name="t",
        image=IMAGE,
        included={"web.service": "for web", "idle.service": "for web", "db@*.service": "for db"},
    )
    assert stays(plan)["web.service"] == "for web"
    assert stays(plan)["log.service"] == "web.service wants it"
    assert stays(plan)["db@main.service"] == "for db"
    assert set(goes(plan)) == {"other.service"}
    assert plan.notes == ("kept web.service: for web", "kept db@main.service: for db")
    assert plan.trim.keep == (*DEFAULT_KEEP, "web.service", "db@*.service")
