"""The front's end of workers that run on a thread, as in the workers' own tests."""

from __future__ import annotations

from tests.unit.inference.conftest import models
from tests.unit.workers.conftest import connect, run_worker

__all__ = ["connect", "models", "run_worker"]
