"""systemd as installed: the files in /run that allow the log-in and report it.

The image's own SSH server is started by the image's own unit. Drop-ins give it this machine's keys
and send a mark as soon as it listens.

Source: systemd.unit(5) for the search path and drop-ins; systemd.service(5): ExecStartPost= runs
after READY=1 of a Type=notify service.
"""

from __future__ import annotations

from bootwright.guest.initramfs import GUEST_RUN
from bootwright.inits import sshd
from bootwright.inits.init import Init
from bootwright.inits.sshd import SERVER

# Runs whenever the server has ended, asked to or not; tells only of failures, and what was logged.
# Source: systemd.exec(5), $SERVICE_RESULT.
_FAILED = """\
#!/bin/sh
[ "$SERVICE_RESULT" != success ] || exit 0
journalctl --boot --unit "$1" --lines 5 --output cat --no-pager | while read -r line; do
    sh /run/bootwright/mark "sshd.log $line"
done
sh /run/bootwright/mark "sshd.failed $SERVICE_RESULT${EXIT_STATUS:+, exit status $EXIT_STATUS}"
# Without a status the server was not started at all: its own check of its configuration failed, and
# will fail again.
[ -n "$EXIT_STATUS" ] || sh /run/bootwright/mark sshd.given-up
"""

# Whoever waits for the server need not wait any longer: systemd starts it no more. A unit has
# failed only when it is not started again. Source: systemd.unit(5), OnFailure=.
_GIVEN_UP = "bootwright-ssh-given-up.service"
_ON_FAILURE = f"""\
[Unit]
OnFailure={_GIVEN_UP}

"""
_GIVEN_UP_UNIT = """\
[Unit]
Description=Tells the host that the SSH server has failed for good
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/bin/sh /run/bootwright/mark sshd.given-up
"""

# Emergency mode waits for somebody at the console: nobody is there.
_EMERGENCY = """\
#!/bin/sh
{
    systemctl list-units --failed --plain --no-legend --no-pager
    journalctl --boot --priority err --lines 6 --output cat --no-pager
} 2>/dev/null | while read -r line; do
    sh /run/bootwright/mark "emergency.log $line"
done
sh /run/bootwright/mark emergency.mode
"""
_EMERGENCY_DROP_IN = """\
[Service]
ExecStartPre=-/bin/sh /run/bootwright/emergency
"""

_TELL = "ExecStartPost=-/bin/sh /run/bootwright/mark sshd.listening\n"

_SERVICE = f"""\
{_ON_FAILURE}[Service]
ExecStartPre=
ExecStartPre={SERVER} -t -f /run/bootwright/sshd_config
ExecStart=
ExecStart={SERVER} -D -f /run/bootwright/sshd_config
{_TELL}ExecStopPost=-/bin/sh /run/bootwright/sshd-failed %n
"""

_SOCKET = f"""\
{_ON_FAILURE}[Socket]
{_TELL}"""

_PER_CONNECTION = f"""\
[Service]
ExecStart=
ExecStart=-{SERVER} -i -f /run/bootwright/sshd_config
"""


def guest_files() -> dict[str, tuple[bytes, int]]:
    """Return what the initramfs carries for systemd: ``{path: (content, mode)}``.

    Distributions call the server ssh or sshd, and start it at once or by its socket; a drop-in for
    a unit that is not there is ignored.
    """
    contents = {
        **sshd.contents(),
        "bootwright/sshd-failed": _FAILED,
        "bootwright/emergency": _EMERGENCY,
        f"systemd/system/{_GIVEN_UP}": _GIVEN_UP_UNIT,
    }
    for mode in ("emergency", "rescue"):
        contents[f"systemd/system/{mode}.service.d/50-bootwright.conf"] = _EMERGENCY_DROP_IN
    for unit in ("ssh", "sshd"):
        contents[f"systemd/system/{unit}.service.d/50-bootwright.conf"] = _SERVICE
        contents[f"systemd/system/{unit}.socket.d/50-bootwright.conf"] = _SOCKET
        contents[f"systemd/system/{unit}@.service.d/50-bootwright.conf"] = _PER_CONNECTION
    return {f"{GUEST_RUN}/{path}": (text.encode(), 0o644) for path, text in contents.items()}


TRIMMED = Init(
    name="systemd-trimmed",
    summary="systemd without the units that a trim masks",
    argv=("/sbin/init",),
    needs=("/sbin/init", SERVER),
    tools=False,
    guest_files=guest_files,  # the trim's own are added by whoever knows which
)
SYSTEMD = Init(
    name="systemd",
    summary="systemd as installed in the image",
    argv=("/sbin/init",),
    needs=("/sbin/init", SERVER),
    tools=False,
    guest_files=guest_files,
)
