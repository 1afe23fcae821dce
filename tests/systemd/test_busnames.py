"""Which units D-Bus starts, by which names."""

from __future__ import annotations

from bootwright.images.files import Files, Link
from bootwright.systemd import busnames
from tests.inits.samples import LIB, graph_of

SHARE = "/usr/share/dbus-1/system-services"


def _service(name: str, unit: str) -> str:
    return f"[D-BUS Service]\nName={name}\nExec=/bin/false\nSystemdService={unit}\n"


def test_busnames_start_a_unit_by_its_alias() -> None:
    found = graph_of(
        {
            f"{SHARE}/org.a.service": _service("org.a", "dbus-org.a.service"),
            f"{LIB}/a.service": "[Service]\n",
            f"{LIB}/dbus-org.a.service": Link("a.service"),
        }
    )
    assert found.bus_names == {"org.a": "dbus-org.a.service"}
    assert found.real_name("dbus-org.a.service") == "a.service"


def test_busnames_find_prefers_the_administrators_files() -> None:
    local = "/usr/local/share/dbus-1/system-services"
    files = Files.of(
        {
            "/etc/dbus-1/system-services/org.a.service": _service("org.a", "mine.service"),
            f"{local}/org.a.service": _service("org.a", "local.service"),
            f"{local}/org.b.service": _service("org.b", "local.service"),
            f"{SHARE}/org.b.service": _service("org.b", "b.service"),
            "/lib/dbus-1/system-services/org.c.service": _service("org.c", "c.service"),
        }
    )
    assert busnames.find(files) == {
        "org.a": "mine.service",
        "org.b": "local.service",
        "org.c": "c.service",
    }


def test_busnames_find_omits_services_that_systemd_does_not_start() -> None:
    files = Files.of(
        {
            f"{SHARE}/org.a.service": "[D-BUS Service]\nName=org.a\nExec=/usr/bin/a\n",
            f"{SHARE}/org.b.service": _service("org.b", "../../etc"),
            f"{SHARE}/org.c.conf": _service("org.c", "c.service"),
            f"{SHARE}/org.d.service": "[D-BUS Service]\nSystemdService=d.service\n",
            f"{SHARE}/org.e.service": Link("nowhere"),
        }
    )
    assert busnames.find(files) == {"org.d": "d.service"}
