"""bf16 where the processor has instructions for it; elsewhere it is up to 100 times slower than float32."""

from __future__ import annotations

import torch


def autocast(device: torch.device) -> torch.autocast:
    able = device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=able)
