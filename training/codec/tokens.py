"""Speech to codes with the trained encoder: what the mind's training reads. Torch only, never at run time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.errors import BundleError
from training.codec.analysis import log_mel, pitch, with_margins
from training.codec.model import Encoder, to_codes

ENCODER = Path(__file__).with_name("encoder.npz")


def save_encoder(encoder: Encoder, path: Path) -> None:
    """Every parameter as float16 under its name."""
    weights: dict[str, Any] = {name: p.detach().half().numpy() for name, p in encoder.named_parameters()}
    np.savez_compressed(path, **weights)


def load_encoder(path: Path = ENCODER) -> Encoder:
    """Raises BundleError when the file is absent or holds another encoder."""
    if not path.is_file():
        raise BundleError(f"{path} is missing", remedy="run: python -m training.codec.export")
    encoder = Encoder().eval()
    with np.load(path) as kept:
        weights = {name: torch.from_numpy(kept[name].astype(np.float32)) for name in kept.files}
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as e:
        raise BundleError(f"{path} was made for another encoder", remedy="export it again") from e
    return encoder


def encode(encoder: Encoder, samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """`samples` float32 (n,), 16 kHz -> codes (ceil(n / 640), 2), of which frame t begins at sample 640 t."""
    if len(samples) == 0:
        return np.zeros((0, 2), np.int64)
    sound = with_margins(samples)
    f0_hz, voiced = pitch(sound)
    with torch.no_grad():
        return to_codes(encoder(log_mel(sound[None]), f0_hz[None], voiced[None]))[0].numpy()
