"""Boots that were never booted: samples of known distributions, with a known effect of B."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from bootwright.statistics.effects import abba

TYPICAL_NS = 2_000_000_000
Noise = Callable[[Random, int], float]
"""Of the boot that is the i-th to be taken, as a share of a typical boot."""
Pairs = tuple[list[int], list[int]]


def _normal(random: Random, index: int) -> float:
    return random.gauss(0, 0.02)


def _heavy_tails(random: Random, index: int) -> float:
    """Student's t with two degrees of freedom, which has no variance; and never below zero."""
    tail: float = random.gauss(0, 1) / (random.expovariate(1) ** 0.5)
    return abs(0.01 * tail)


def _two_modes(random: Random, index: int) -> float:
    """Three boots of ten wait for something that takes a tenth of the boot."""
    return random.gauss(0.1 if random.random() < 0.3 else 0, 0.005)


def _drift(random: Random, index: int) -> float:
    """The host gets warmer: half a percent a boot, several times the noise in the end."""
    return 0.005 * index + random.gauss(0, 0.01)


def _step(random: Random, index: int) -> float:
    """A neighbour begins to work after the 13th boot."""
    return (0.2 if index >= 13 else 0) + random.gauss(0, 0.01)


WALL: dict[str, Noise] = {
    "normal": _normal,
    "heavy tails": _heavy_tails,
    "two modes": _two_modes,
    "drift": _drift,
    "step": _step,
}


def wall_pairs(random: Random, noise: Noise, pairs: int, effect_ns: float = 0) -> Pairs:
    """Take boots as the wall clock's experiments do: A B B A ..."""
    taken: dict[str, list[int]] = {"A": [], "B": []}
    for index, which in enumerate(abba(pairs)):
        length = TYPICAL_NS * (1 + noise(random, index)) + (effect_ns if which == "B" else 0)
        taken[which].append(round(length))
    return taken["A"], taken["B"]


def virtual_pairs(random: Random, pairs: int, effect_ns: float = 0) -> Pairs:
    """Take boots as on the virtual clock: seeds differ by 0.3 %, of which B shares most."""
    a, b = [], []
    for _ in range(pairs):
        seed = TYPICAL_NS * (1 + random.gauss(0, 0.003))
        a.append(round(seed))
        b.append(round(seed + effect_ns + TYPICAL_NS * random.gauss(0, 0.0003)))
    return a, b
