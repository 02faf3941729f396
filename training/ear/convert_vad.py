"""Silero's VAD from its ONNX file to the npz that hearing/vad.py reads, with golden outputs for its test.

pip download --no-deps silero-vad==6.2.3 -d /tmp/silero && cd /tmp/silero && unzip *.whl
python -m training.ear.convert_vad /tmp/silero/silero_vad/data/silero_vad_16k_op15.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from training.espeak import Style, engine

ROOT = Path(__file__).parents[2]
OUT = ROOT / "src" / "sensorium" / "hearing" / "silero_vad.npz"
GOLDEN = ROOT / "tests" / "unit" / "hearing" / "vad_golden.npz"


def tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    raw = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    named = {
        "stft": raw["model.stft.forward_basis_buffer"][:, 0, :],
        "out": raw["model.decoder.decoder.2.weight"][:, :, 0],
        "out_bias": raw["model.decoder.decoder.2.bias"],
    }
    for i in range(4):
        named[f"conv{i}"] = raw[f"model.encoder.{i}.reparam_conv.weight"]
        named[f"conv{i}_bias"] = raw[f"model.encoder.{i}.reparam_conv.bias"]
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        named[name] = raw[f"model.decoder.rnn.{name}"]
    return named


def probabilities(path: Path, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Silero's own way through the file: 64 samples of context in front of each 512."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32)
    out = []
    for window in samples[: len(samples) // 512 * 512].reshape(-1, 512):
        feeds = {
            "input": np.concatenate([context, window])[None],
            "state": state,
            "sr": np.array(16000, np.int64),
        }
        probability, state = session.run(None, feeds)
        context = window[-64:]
        out.append(probability[0, 0])
    return np.array(out, np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("onnx", type=Path)
    arguments = parser.parse_args()
    named: dict[str, Any] = dict(tensors(arguments.onnx))
    np.savez_compressed(OUT, **named)
    rng = np.random.default_rng(6)
    silence = np.zeros(8000, np.float32)
    speech = engine().speak("hello maya what do you like", Style()).samples
    voice = engine().speak("what time is it", Style("en+f2", 200, 60)).samples
    sound = np.concatenate(
        [silence, speech, silence, voice + 0.01 * rng.standard_normal(len(voice)), silence]
    )
    sound += (0.002 * rng.standard_normal(len(sound))).astype(np.float32)
    pcm = (sound * 32767).astype(np.int16)
    golden = probabilities(arguments.onnx, pcm.astype(np.float32) / 32768.0)
    np.savez_compressed(GOLDEN, pcm=pcm, probabilities=golden)
    print(
        f"{OUT}: {OUT.stat().st_size} bytes; speech in {np.mean(golden > 0.5):.0%} of {len(golden)} windows"
    )


if __name__ == "__main__":
    main()
