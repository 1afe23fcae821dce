"""Statistics of boot times: medians, intervals, effects, verdicts."""
