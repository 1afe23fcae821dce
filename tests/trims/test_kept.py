"""What stays besides what was asked for: the bus, and who makes paths and users."""

from __future__ import annotations

from bootwright.images.files import Link
from bootwright.trims import trim
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
    assert said == "a.service is called over it, as org.a"
    ordered = _service("a.service", "[Unit]\nAfter=dbus.service\n")
    assert stays(planned({**BUS, **ordered}, "a.service"))["dbus.service"] == (
        "a.service comes after it"
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
    assert stays(plan)["dbus-broker.service"] == "a.service is called over it, as org.a"


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
    assert stays(plan)["dbus.service"] == "host.service is called over it, as org.host"
    assert plan.notes == ()
    without = {path: entry for path, entry in entries.items() if "dbus.s" not in path}
    assert planned(without, "host.service").notes == (
        "--keep host.service: no boot of the image starts it: it is static, so it starts only "
        "where another unit asks for it",
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
        f"web.service needs /run/x, which {conf} makes"
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
        f"web.service runs as web, whom {conf} makes"
    )
    there: Entries = {**entries, "/etc/passwd": "web:x:5:5::/:/bin/false\n"}
    assert "systemd-sysusers.service" in goes(planned(there, "web.service"))


def test_plan_keeps_what_removes_nologin() -> None:
    conf = "/usr/lib/tmpfiles.d/systemd-nologin.conf"
    entries: Entries = {**MAKERS, conf: 'f+! /run/nologin 0644 - - - "booting"\n'}
    assert len(goes(planned(entries))) == 3
    plan = planned(entries, "systemd-tmpfiles-setup.service")
    assert stays(plan)["systemd-user-sessions.service"] == (
        f"it removes /run/nologin, which {conf} makes"
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
            "nothing*",
            "idle.service",
            "more-idle.service",
            "*idle*",
            "far.service",
            "on.service",
            "off.service",
        ),
    )
    assert plan.notes == (
        "--keep nothing* is no unit of the image, or a masked one",
        "--keep idle.service: no boot of the image starts it: it is static, so it starts only "
        "where another unit asks for it",
        "--keep more-idle.service: no boot of the image starts it: it is disabled (its preset is "
        "disable, by /usr/lib/systemd/system-preset/90.preset); in the guest: systemctl enable "
        "more-idle.service",
        "--keep *idle*: no boot of the image starts it",
        "--keep far.service: no boot of the image starts it, as none starts far.target, which "
        "would",
        "--keep on.service: no boot of the image starts it, as none starts far.target, which would",
        "--keep off.service: no boot of the image starts it: it is disabled (its preset is "
        "disable, by /usr/lib/systemd/system-preset/90.preset); in the guest: systemctl enable "
        "off.service",
        "no SSH server is kept: there will be no way to log in",
    )
