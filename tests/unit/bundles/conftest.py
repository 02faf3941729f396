"""The tiny random models of the inference tests."""

from __future__ import annotations

from tests.unit.inference.conftest import models  # noqa: F401  (a fixture)
