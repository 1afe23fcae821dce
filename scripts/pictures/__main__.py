"""Draw the pictures into docs/pictures.

python -m scripts.pictures drawings         what is drawn from the source; takes no time
python -m scripts.pictures boots            boots a Debian 12 twice; needs the kernel micro
python -m scripts.pictures boots ID ID      the same of two boots of the history
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.pictures import before_after, one_boot, rooms
from scripts.pictures.drawing import THEMES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/pictures"
_IMAGE, _TRIM = "web", "small"
_CLOCK = ("--clock", "virtual", "--seed", "1")
_FOOTER = (
    "From the kernel's first line to SSH's answer. QEMU without KVM, 1 vCPU; "
    "virtual clock, 1 ns an instruction; n = 1"
)


def drawings() -> dict[str, str]:
    """Return what is drawn from the source: a picture for each file's name."""
    source = ROOT / "src/bootwright"
    return {
        f"{name}-{theme.name}.svg": drawn
        for theme in THEMES
        for name, drawn in (
            ("rooms", rooms.picture(source, theme)),
            ("one-boot", one_boot.picture(theme)),
        )
    }


def boots(ids: list[str]) -> dict[str, str]:
    """Return the pictures of two boots of one image, as it comes and made fast."""
    slow, fast = (("--boot", ids[0]), ("--boot", ids[1])) if ids else _booted()
    before = _timeline(*slow, "--svg", str(FOLDER / "stock-boot.svg"))
    after = _timeline(*fast)
    first = before_after.read(before, "Debian 12 as it comes")
    second = before_after.read(after, "The same image: kernel micro, systemd trimmed")
    return {
        f"before-after-{theme.name}.svg": before_after.picture(first, second, _FOOTER, theme)
        for theme in THEMES
    }


def _booted() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what boots the two, with the image, the kernel and the trim made if missing."""
    _bootwright("image", "build", _IMAGE, "--debian", "bookworm", "--replace")
    _bootwright("kernel", "build", "micro", "--replace")
    _bootwright("trim", _IMAGE, "--name", _TRIM)
    stock = (_IMAGE, *_CLOCK, "--stock")
    return stock, (_IMAGE, *_CLOCK, "--kernel", "micro", "--trim", _TRIM)


def _timeline(*words: str) -> str:
    return _bootwright("timeline", *words, "--json")


def _bootwright(*words: str) -> str:
    program = Path(sys.executable).with_name("bootwright")
    return subprocess.run([program, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def main(words: list[str]) -> None:
    match words:
        case ["drawings"]:
            made = drawings()
        case ["boots", *ids] if len(ids) in (0, 2):
            made = boots(ids)
        case _:
            sys.exit(__doc__)
    for name, drawn in made.items():
        (FOLDER / name).write_text(drawn)


if __name__ == "__main__":
    main(sys.argv[1:])
