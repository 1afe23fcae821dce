"""The course of one boot: who does what, and who tells whom, from top to bottom."""

from __future__ import annotations

from scripts.pictures.drawing import Theme, box, document, line, text

_WIDTH, _TOP, _STEP = 860, 58, 42
_LANES = ("command", "monitor", "QEMU", "guest")
_CENTRES = dict(zip(_LANES, (110, 330, 545, 745), strict=True))
_COLOURS = dict(zip(_LANES, ("ssh", "host", "firmware", "kernel"), strict=True))

# Who, to whom ("" for nobody), what, and the mark that is taken.
_STEPS = (
    ("command", "", "options → draft → recipe", "command.entered"),
    ("command", "monitor", "starts it; connected by a socket", "monitor.exec"),
    ("monitor", "", "folder and lock", "machine.claimed"),
    ("monitor", "", "journal row, then the disk", "disk.made"),
    ("monitor", "", "journal row, then the initrd", "initrd.made"),
    ("monitor", "QEMU", "starts it, paused", "vmm.exec"),
    ("QEMU", "monitor", "devices made, kernel loaded", "vmm.ready"),
    ("monitor", "QEMU", "run", "vmm.running"),
    ("QEMU", "guest", "first instruction", ""),
    ("guest", "monitor", "initramfs: begins", "initramfs.start"),
    ("guest", "monitor", "root mounted, init takes over", "initramfs.done"),
    ("guest", "monitor", "sshd is ready", "sshd.listening"),
    ("monitor", "command", "ready", ""),
    ("command", "guest", "ssh logs in, runs the command", "ssh.login"),
    ("command", "monitor", "stop", "command.end"),
    ("monitor", "QEMU", "ends it, removes disk and folder", "machine.gone"),
)


def picture(theme: Theme) -> str:
    """Draw it."""
    height = _TOP + len(_STEPS) * _STEP + 12
    parts = []
    for lane, x in _CENTRES.items():
        parts.append(line((x, 44), (x, height - 12), theme.grid, width=1.5))
        parts.append(box(x - 60, 14, 120, 30, theme.layers[_COLOURS[lane]], radius=4))
        parts.append(text(x, 34, lane, fill=theme.ink, size=15, anchor="middle", bold=True))
    for number, (who, whom, what, mark) in enumerate(_STEPS):
        y = _TOP + number * _STEP + 22
        parts += _step(who, whom, what, mark, y, theme)
    return document(_WIDTH, height, theme, "One boot", parts)


def _step(who: str, whom: str, what: str, mark: str, y: float, theme: Theme) -> list[str]:
    x = _CENTRES[who]
    if not whom:
        parts = [
            box(x - 4, y - 8, 8, 16, theme.layers[_COLOURS[who]]),
            text(x + 10, y - 1, what, fill=theme.ink, size=12.5),
        ]
        if mark:
            parts.append(text(x + 10, y + 13, mark, fill=theme.accent, size=11.5))
        return parts
    end = _CENTRES[whom]
    back = 5 if end > x else -5
    # The words stand over the arrow's first stretch, between two lanes.
    lanes = sorted(_CENTRES.values())
    step = 1 if end > x else -1
    middle = (x + lanes[lanes.index(x) + step]) / 2
    parts = [
        line((x, y), (end - back, y), theme.quiet, arrow=True, width=1.3),
        text(middle, y - 5, what, fill=theme.ink, size=12.5, anchor="middle"),
    ]
    if mark:
        parts.append(text(middle, y + 14, mark, fill=theme.accent, size=11.5, anchor="middle"))
    return parts
