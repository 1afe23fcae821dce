"""What callers over D-Bus meet in a trimmed boot."""

from __future__ import annotations

from bootwright.images.files import Link
from tests.inits.samples import LIB, goes, planned, wanted
from tests.trims.test_kept import BUS, Entries

SHARE = "/usr/share/dbus-1/system-services"


def _called(unit: str, text: str = "[Service]\n") -> Entries:
    """Return a service that D-Bus starts by an alias."""
    name = unit.removesuffix(".service")
    return {
        f"{SHARE}/org.{name}.service": f"[D-BUS Service]\nName=org.{name}\n"
        f"SystemdService=dbus-org.{name}.service\n",
        f"{LIB}/{unit}": text,
        f"{LIB}/dbus-org.{name}.service": Link(unit),
    }


def test_plan_masks_the_bus_alias_of_a_removed_unit() -> None:
    entries: Entries = {**BUS, **_called("login.service"), **wanted("login.service")}
    plan = planned(entries, "dbus.service")
    assert goes(plan) == {
        "login.service": "wanted by multi-user.target",
        "dbus-org.login.service": "D-Bus starts login.service by this name, which is masked too",
    }
    assert plan.notes == (
        "D-Bus is kept but login.service is masked: calls to org.login fail at once; "
        "--keep login.service keeps it",
    )


def test_plan_without_dbus_masks_no_bus_alias() -> None:
    entries: Entries = {**BUS, **_called("login.service"), **wanted("login.service")}
    plan = planned(entries)
    assert sorted(goes(plan)) == ["dbus.service", "dbus.socket", "login.service"]
    assert plan.notes == ()


def test_plan_leaves_units_that_only_a_bus_call_starts() -> None:
    cron: Entries = {f"{LIB}/cron.service": "[Service]\n", **wanted("cron.service")}
    called: Entries = {**BUS, **_called("host.service"), **_called("time.service")}
    plan = planned({**called, **cron}, "dbus.service")
    assert list(goes(plan)) == ["cron.service"]
    assert plan.notes == ("D-Bus still starts these on demand: host.service, time.service",)
    assert planned(called, "dbus.service").notes == (), "nothing goes, so nothing is to be said"


def test_plan_notes_bus_calls_that_will_fail() -> None:
    entries: Entries = {
        **BUS,
        **_called("host.service", "[Unit]\nRequires=far.service\n"),
        f"{LIB}/far.service": "[Unit]\nBindsTo=base.service\n",
        f"{LIB}/base.service": "[Service]\n",
        **wanted("base.service"),
        f"{SHARE}/org.gone.service": "[D-BUS Service]\nSystemdService=gone.service\n",
    }
    assert planned(entries, "dbus.service").notes == (
        "D-Bus cannot start host.service: it requires base.service, which is masked",
    )
