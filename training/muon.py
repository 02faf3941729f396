"""Muon in float32: momentum, made orthogonal, for matrices of hidden layers.

torch.optim.Muon does the same in bfloat16, which a processor without instructions for it does 100 times more
slowly. Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the scale is
that of Liu et al. 2025, "Muon is scalable for LLM training" (steps as large as AdamW's).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_NUM_ITERATIONS = 5


def orthogonal(gradient: Tensor) -> Tensor:
    """The matrix with its singular values brought near 1, by Newton and Schulz's iteration."""
    a, b, c = _COEFFICIENTS
    tall = gradient.shape[0] > gradient.shape[1]
    x = gradient.T if tall else gradient
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(_NUM_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """For two-dimensional parameters only. `lr` is AdamW's."""

    def __init__(
        self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                kept = self.state[matrix]
                if not kept:
                    kept["momentum"] = torch.zeros_like(matrix)
                kept["momentum"].lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonal(matrix.grad.lerp(kept["momentum"], group["momentum"]))
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)
