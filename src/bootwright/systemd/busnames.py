"""What D-Bus starts when somebody calls it by its bus name.

Source: dbus-daemon(1), "<standard_system_servicedirs>" and its /etc counterpart in dbus-broker's
launcher; the D-Bus specification, "Message Bus Starting Services", for SystemdService=.
"""

from __future__ import annotations

from bootwright.images.files import Files
from bootwright.systemd.unitfiles import parse, parse_name

FOLDERS = (
    "/etc/dbus-1/system-services",
    "/usr/local/share/dbus-1/system-services",
    "/usr/share/dbus-1/system-services",
    "/lib/dbus-1/system-services",
)
"""Where services of the system bus are described; the first that has a name wins."""

BUS = ("dbus.service", "dbus.socket")
"""What everybody calls the bus, whichever program it is."""


def find(files: Files) -> dict[str, str]:
    """Return ``{bus name: the unit that its first caller starts}``, as the files call the unit.

    That is an alias as a rule, ``dbus-org.freedesktop.login1.service``. Services that the bus
    starts without systemd are not among them.
    """
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for entry in files.names(folder):
            content = files.read(f"{folder}/{entry}")
            if content is None or not entry.endswith(".service"):
                continue
            file = parse(content.decode(errors="replace"))
            unit = file.last("D-BUS Service", "SystemdService")
            if parse_name(unit):
                name = file.last("D-BUS Service", "Name") or entry.removesuffix(".service")
                found.setdefault(name, unit)
    return found
