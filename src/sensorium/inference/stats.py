"""What an engine holds and has done, as plain numbers for a record. Knows no exporter."""

from __future__ import annotations

from typing import Any

from sensorium.inference.backend import Backend
from sensorium.inference.scheduler import Scheduler


def values(scheduler: Scheduler, backend: Backend) -> dict[str, Any]:
    """Memory in bytes by kind, KV cells, parked prefixes by kind, tokens since the start, milliseconds.

    `hit_rate` is the share of all prompt tokens that were in memory when their turn began.
    """
    totals = scheduler.totals
    kinds = ("prompt", "cached", "processed", "settled", "reply", "speech", "adapted")
    return {
        "model": backend.info.name,
        "memory_bytes": backend.memory_bytes(),
        "cells": {"used": scheduler.sequences.num_cells_used, "total": scheduler.sequences.num_cells_total},
        "sequences": {"free": scheduler.sequences.num_free, "total": backend.info.max_sequences},
        "parked": scheduler.prefix_cache.num_by_kind(),
        "evictions": scheduler.prefix_cache.counts["evictions"],
        "turns": totals["turns"],
        "tokens": {kind: totals[f"{kind}_tokens"] for kind in kinds},
        "hit_rate": totals["cached_tokens"] / max(1, totals["prompt_tokens"]),
        "batch_ms": scheduler.batch_ms.summary(),
        "decode_ms": scheduler.decode_ms.summary(),
        "prefill_token_ms": scheduler.pace.tile_ms,
        "adapters": scheduler.adapters.states(),
        "adapter_loads": scheduler.adapters.num_loads,
    }
