"""What `bench prefix` found, as one object for machines and rows for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorium.bench.prefix import (
    BATCH_TOKENS,
    MODEL_HEADS,
    MODEL_LAYERS,
    MODEL_WIDTH,
    REPLY_TOKENS,
    Result,
    Setup,
)
from sensorium.bench.provenance import commit, machine, version
from sensorium.bench.variants import Sample
from sensorium.metrics import percentile

# What people see, and where it is in `summary`.
ROWS = (
    ("all first turns, tokens processed", "first_turn_processed_tokens"),
    ("later turns, tokens processed, median", "processed_tokens_median"),
    ("... at most", "processed_tokens_max"),
    ("time to first token, median ms", "ttft_ms_median"),
    ("... p99", "ttft_ms_p99"),
    ("share of the prompt found in memory", "hit_rate"),
    ("settled in the background, tokens a turn", "settled_tokens_per_turn"),
    ("... median ms", "settle_ms_median"),
    ("memory, MB", "rss_mb"),
)


def report(setup: Setup, results: Sequence[Result], equality: Mapping[str, Any]) -> dict[str, Any]:
    """The object of `--json`. `equality` is what bench/equality.py printed."""
    by_name = {r.name: summary(r, setup.load.personas) for r in results}
    ours = next(r for r in results if r.name == "ours")
    for result in results:
        if result.name.startswith("llama_server"):
            by_name[result.name]["replies_as_ours"] = _share_equal(result.samples, ours.samples)
    return {
        **by_name,
        "speedup_vs_cold": _ratio(by_name, "cold", "ours"),
        "ttft_pinned_over_ours": _ratio(by_name, "llama_server_pinned", "ours"),
        "outputs_equal_cold": equality["outputs_equal_cold"],
        "max_logprob_difference": equality["max_logprob_difference"],
        "adapter_aba_equal_cold": equality["adapter_aba_equal_cold"],
        "equality": dict(equality),
        "commit": commit(),
        "machine": machine(),
        "settings": settings(setup),
    }


def summary(result: Result, personas: int) -> dict[str, Any]:
    """First turns and later ones apart: `hit_rate`, medians and tails are of those after the first."""
    first = [s for s in result.samples if s.turn.is_first]
    later = [s for s in result.samples if not s.turn.is_first]
    first_tokens = [s.reply.usage.processed_tokens for s in first]
    processed = [s.reply.usage.processed_tokens for s in later]
    ttft_ms = [s.reply.first_token_ms for s in later]
    settled_tokens = sum(s.settled_tokens for s in result.samples)
    return {
        # Cold is a sample: first prompts all have one size, of which it computes everything.
        "first_turn_processed_tokens": sum(first_tokens) * personas // len(first),
        "first_turn_processed_tokens_max": max(first_tokens),
        "first_turn_ttft_ms_median": _median([s.reply.first_token_ms for s in first]),
        "processed_tokens_median": int(percentile(processed, 0.5)),
        "processed_tokens_max": max(processed),
        "ttft_ms_median": _median(ttft_ms),
        "ttft_ms_p99": round(percentile(ttft_ms, 0.99), 1),
        "hit_rate": _hit_rate(later),
        "settled_tokens": settled_tokens,
        "settled_tokens_per_turn": round(settled_tokens / len(result.samples), 1),
        "settle_ms_median": _median([s.settle_ms for s in result.samples]),
        "rss_mb": result.rss_mb,
        "num_turns": len(result.samples),
    }


def settings(setup: Setup) -> dict[str, Any]:
    load = setup.load
    return {
        **load._asdict(),
        "server_slots": setup.slots,
        "cold_turns": setup.cold_turns,
        "threads": setup.num_threads,
        "batch_tokens": BATCH_TOKENS,
        "kv_type": "f16",
        "openmp_spin_count": 300,
        "reply_tokens": REPLY_TOKENS,
        "model": f"random llama, {MODEL_LAYERS} layers, width {MODEL_WIDTH}, {MODEL_HEADS} heads",
        "our_kv_cells": setup.our_cells(),
        "server_kv_cells": setup.slots * setup.slot_cells(),
        "settling": "ours settles after every turn; llama-server, as it comes, does not",
        "xllamacpp": version("xllamacpp"),
        "llama_cpp_python": version("llama-cpp-python"),
    }


def _ratio(by_name: Mapping[str, Mapping[str, Any]], slow: str, fast: str) -> float:
    return round(float(by_name[slow]["ttft_ms_median"]) / max(0.1, float(by_name[fast]["ttft_ms_median"])), 2)


def _share_equal(one: Sequence[Sample], other: Sequence[Sample]) -> float:
    """Another build of llama.cpp rounds otherwise, so near ties of random weights may fall otherwise."""
    pairs = list(zip(one, other, strict=True))
    return round(sum(a.reply.text == b.reply.text for a, b in pairs) / len(pairs), 3)


def _hit_rate(samples: Sequence[Sample]) -> float:
    usages = [s.reply.usage for s in samples]
    return round(sum(u.cached_tokens for u in usages) / sum(u.prompt_tokens for u in usages), 4)


def _median(values: Sequence[float]) -> float:
    return round(percentile(values, 0.5), 1)
