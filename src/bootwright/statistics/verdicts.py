"""Verdicts: whether B is faster than A, slower, neither, or whether nobody can tell yet."""

from __future__ import annotations

from typing import Literal

from bootwright.statistics.effects import Effect

Verdict = Literal["faster", "slower", "no-difference", "cannot-tell"]
"""It speaks of B against A."""


def verdict(effect: Effect, smallest_ns: int, *, p: float | None = None) -> Verdict:
    """Return the verdict on an effect.

    The interval decides, as each verdict is a claim about the true effect that holds with its
    confidence. ``faster``: it lies wholly below -*smallest_ns*, so B is shorter by more than that;
    ``slower``: wholly above; ``no-difference``: wholly within, so neither is better by more. An
    interval that lies astride a bound, or that too few pairs had to answer for, is ``cannot-tell``,
    even where p is small: more boots would say.

    Args:
        effect: Of B against A.
        smallest_ns: The smallest effect of interest: one instruction is never "faster".
        p: In place of the effect's own where several questions were asked at once (see
            `effects.holm`); ``faster`` and ``slower`` need it to be no larger than alpha.
    """
    if effect.confidence < 1 - effect.alpha:
        return "cannot-tell"
    low, high = effect.ci_ns
    if -smallest_ns <= low and high <= smallest_ns:
        return "no-difference"
    if (effect.p if p is None else p) <= effect.alpha:
        if high < -smallest_ns:
            return "faster"
        if low > smallest_ns:
            return "slower"
    return "cannot-tell"
