"""All inits, by the name that a recipe has for them."""

from __future__ import annotations

from bootwright.inits.bare import BARE
from bootwright.inits.init import Init
from bootwright.inits.systemd import SYSTEMD, TRIMMED
from bootwright.inits.tini import TINI

INITS: dict[str, Init] = {init.name: init for init in (SYSTEMD, TRIMMED, TINI, BARE)}
