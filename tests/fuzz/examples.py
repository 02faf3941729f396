"""How many examples each property is tried with: few in CI, as many as wanted with `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Shared fixtures are meant: a worker that has seen anything must still answer.
fuzz = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
