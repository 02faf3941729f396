"""bf16 where it is faster than float32, which is found out by trying: a processor may have no instructions
for it (up to 100 times slower), or some that gain nothing (an Intel Xeon: 73 GFLOP/s beside 112)."""

from __future__ import annotations

import time
from functools import cache

import torch


def autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=device.type != "cpu" or _bf16_is_faster()
    )


@cache
def _bf16_is_faster() -> bool:
    """On this processor; by a fifth, as there is also the conversion."""
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return _seconds(torch.bfloat16) * 1.2 < _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    """For a product as layers have them; the best of three, as other work may come between."""
    a, b = torch.randn(2048, 256).to(dtype), torch.randn(256, 512).to(dtype)
    a @ b
    times = []
    for _ in range(3):
        since_s = time.perf_counter()
        for _ in range(4):
            a @ b
        times.append(time.perf_counter() - since_s)
    return min(times)
