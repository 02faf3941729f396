"""Trains what tells phonemes from the ear's states: `python -m training.ear.phonemes`. Half a minute.

One linear layer, which makes voices of recordings need no other model (`sensorium/tuning/alignment.py`). It
becomes the bundle's `phonemes.npz`, its SHA-256 goes to bundle.toml. Prints how many frames it gets right.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.hearing.encoder import EarModel, Encoder
from sensorium.speech.codec import FRAME_SAMPLES
from sensorium.tuning.alignment import listen, states_after
from training.ear.bundle import BUNDLE, record
from training.ear.voices import held_out_style
from training.espeak import Style, engine
from training.mind import mouth
from training.mind.speech import bare
from training.mind.vocabulary import FIRST_PHONEME, PHONEME_ID, PHONEMES

_SENTENCES, _EXAM_SENTENCES, _ROUNDS, _AT_ONCE, _RATE = 800, 60, 12, 512, 2e-3


def trained_style(rng: random.Random) -> Style:
    if rng.random() < 0.3:
        return mouth.BASE_STYLE
    return rng.choice(mouth.tagged_styles())


def frames(
    ear: Encoder, count: int, seed: int, style: Callable[[random.Random], Style]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """States (frames, 4 x width) of `count` sentences, and which phoneme each frame is."""
    rng = random.Random(seed)
    seen, named = [], []
    for _ in range(count):
        speech = engine().speak(" ".join(mouth.draw_words(rng)), style(rng))
        num = -(-len(speech.samples) // FRAME_SAMPLES)
        phonemes = np.zeros(num, np.int64)
        for mark in bare(speech.phonemes):
            phonemes[min(num - 1, round(mark.sample / FRAME_SAMPLES)) :] = (
                PHONEME_ID[mark.name] - FIRST_PHONEME
            )
        seen.append(states_after(listen(ear, speech.samples).states, num))
        named.append(phonemes)
    return np.concatenate(seen), np.concatenate(named)


def main() -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    ear = Encoder(EarModel.load(find("nano").file("ear")))
    seen, named = map(torch.from_numpy, frames(ear, _SENTENCES, 1, trained_style))
    layer = torch.nn.Linear(seen.shape[1], len(PHONEMES))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=_RATE, weight_decay=0.01)
    for left in range(_ROUNDS, 0, -1):
        optimizer.param_groups[0]["lr"] = _RATE * left / _ROUNDS
        for rows in torch.randperm(len(seen)).split(_AT_ONCE):
            loss = F.cross_entropy(layer(seen[rows]), named[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    path = BUNDLE / "phonemes.npz"
    np.savez_compressed(
        path,
        phonemes_weight=layer.weight.detach().half().numpy(),
        phonemes_bias=layer.bias.detach().half().numpy(),
    )
    record("phonemes", path)
    right = {}
    for name, style in (("trained", trained_style), ("never trained", held_out_style)):
        seen, named = map(torch.from_numpy, frames(ear, _EXAM_SENTENCES, 2, style))
        right[name] = round(float((layer(seen).argmax(-1) == named).float().mean()), 3)
    print(json.dumps({"part": "phonemes", "frames_right": right, "bytes": path.stat().st_size}))


if __name__ == "__main__":
    main()
