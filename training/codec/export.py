"""Writes the trained codec: the decoder as ONNX into the bundle, the encoder beside this file.

`python -m training.codec.export [--checkpoint FILE]`. Weights are stored as float16 and computed as float32;
the rounded codec is what is verified.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from sensorium.speech.codec import NUM_LEVELS, CodecModel, Decoder, to_levels
from sensorium.speech.source_filter import SAMPLE_RATE_HZ, Shapes, SourceFilter
from sensorium.tuning import codec_encoder
from sensorium.tuning.analysis import log_mel, with_margins
from training.codec import model as codec
from training.codec.train import PRESETS, RUNS, Codec, load
from training.ear.bundle import BUNDLE, record
from training.onnx_half import store_half

GOLDEN = Path(__file__).parents[2] / "tests" / "unit" / "speech" / "codec_golden.npz"
_OPSET = 17


class Shipped(nn.Module):
    """What the runtime needs of the decoder, with plain tensors in and out."""

    def __init__(self, decoder: codec.Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, levels: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        voice, _, after = self.decoder(levels, list(state))
        return (*voice, *after)


def round_weights(trained: Codec) -> Codec:
    """Every parameter to the nearest float16, in place."""
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.copy_(parameter.half().float())
    return trained.cpu().eval()


def export(decoder: codec.Decoder, path: Path, *, steps: int) -> None:
    """`decoder` must have been through `round_weights`."""
    state = codec.zero_state(1)
    names = [f"state_{i}" for i in range(len(state))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated; the other one needs onnxscript
        torch.onnx.export(
            Shipped(decoder),
            (torch.zeros(1, 2, NUM_LEVELS), *state),
            str(path),
            input_names=["levels", *names],
            output_names=[*codec.Voice._fields, *(f"{name}_next" for name in names)],
            dynamic_axes={"levels": {1: "frames_and_one"}} | {f: {1: "shapes"} for f in codec.Voice._fields},
            opset_version=_OPSET,
            dynamo=False,
        )
    made = onnx.load(path)
    store_half(made.graph)
    sizes = {f"{name}_next": past.shape for name, past in zip(names, state, strict=True)}
    for output in made.graph.output:  # the tracer cannot tell that a state keeps its size
        for dimension, size in zip(
            output.type.tensor_type.shape.dim, sizes.get(output.name, ()), strict=False
        ):
            dimension.dim_value = size
    facts = {
        "kind": "sensorium-codec-1",
        "sample_rate_hz": str(SAMPLE_RATE_HZ),
        "training_steps": str(steps),
    }
    helper.set_model_props(made, facts)
    made.doc_string = ""
    onnx.checker.check_model(made)
    onnx.save(made, path)


def decode_offline(decoder: codec.Decoder, codes: NDArray[np.int64]) -> tuple[Shapes, NDArray[np.float32]]:
    """Torch's own answer, all at once: the shapes, and the sound (640 n,) made of them."""
    levels = torch.from_numpy(np.pad(to_levels(codes), ((0, 1), (0, 0))))
    with torch.no_grad():
        voice, _, _ = decoder(levels[None], codec.zero_state(1))
    shapes = Shapes(*(part[0].numpy() for part in voice))
    sound = SourceFilter()
    return shapes, np.concatenate((sound.feed(shapes), sound.flush()))


def mel_distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean distance of the log-mel spectra of two sounds of one length, in nats of amplitude."""
    mels = [log_mel(with_margins(sound)[None]) for sound in (one, other)]
    return 0.5 * float((mels[0] - mels[1]).abs().mean())


def verify(decoder: codec.Decoder, path: Path, codes: NDArray[np.int64]) -> float:
    """Streams `codes` frame by frame through the file; the mel distance to torch offline, in nats.

    Raises AssertionError where it is 0.1 or more, or where the lengths differ.
    """
    stream = Decoder(CodecModel.load(path))
    streamed = np.concatenate([*(stream.feed(frame[None]) for frame in codes), stream.flush()])
    _, whole = decode_offline(decoder, codes)
    assert len(streamed) == len(whole), "streamed and offline sound differ in length"
    distance = mel_distance(streamed.astype(np.float32) / 32768.0, whole)
    assert distance < 0.1, f"streamed and offline sound differ by {distance} nat"
    return distance


def write_golden(decoder: codec.Decoder, codes: NDArray[np.int64], path: Path = GOLDEN) -> None:
    """Codes and torch's own offline answer, for the test of the shipped file."""
    shapes, sound = decode_offline(decoder, codes)
    np.savez_compressed(
        path,
        codes=codes.astype(np.int16),
        f0_hz=shapes.f0_hz,
        log_harmonic=np.log(shapes.harmonic).astype(np.float16),
        log_noise=np.log(shapes.noise).astype(np.float16),
        sound=sound.astype(np.float16),
    )


def save_encoder(encoder: codec_encoder.Encoder, path: Path) -> None:
    """Every parameter as float16 under its name."""
    weights: dict[str, Any] = {name: p.detach().half().numpy() for name, p in encoder.named_parameters()}
    np.savez_compressed(path, **weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=RUNS / "last.pt")
    parser.add_argument("--folder", type=Path, help="another place for both files, and nothing recorded")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = load(arguments.checkpoint, PRESETS["full"])
    rounded = round_weights(run.average)
    folder = arguments.folder or BUNDLE
    encoder_path = folder / "encoder.npz"
    save_encoder(rounded.encoder, encoder_path)
    part = folder / "codec.part.onnx"
    export(rounded.decoder, part, steps=run.step)

    from training.ear.evaluate import SETS, examples

    encoder = codec_encoder.load(encoder_path)
    said = [codec_encoder.encode(encoder, e.samples) for e in examples(SETS[0], 10) + examples(SETS[2], 10)]
    distance = max(verify(rounded.decoder, part, codes) for codes in said)
    path = part.replace(folder / "codec.onnx")
    if not arguments.folder:
        record("codec", path)
        record("codec_encoder", encoder_path)
        write_golden(rounded.decoder, said[0])
    sizes = {"codec_bytes": path.stat().st_size, "encoder_bytes": encoder_path.stat().st_size}
    print(json.dumps({"step": run.step, **sizes, "largest_mel_distance": distance, "checked": len(said)}))


if __name__ == "__main__":
    main()
