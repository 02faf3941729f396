"""A smoke run of the whole road: speak, train a few steps, go on, export, stream; and its parts alone."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("espeakng_loader", reason="the extra `train` is not installed")
pytest.importorskip("onnx", reason="the extra `train` is not installed")

import torch
from training.codec.analysis import NUM_SHARES, harmonic_shares
from training.codec.data import PIECE_FRAMES, pieces
from training.codec.export import export, round_weights, save_encoder, verify, write_golden
from training.codec.losses import losses
from training.codec.model import Decoder, Voice, quantize, zero_state
from training.codec.train import PRESETS, Plan, learning_rate, load, train
from training.ear.data import IGNORE
from training.espeak import Style, engine

from sensorium.speech.codec import NUM_CODES, to_levels
from sensorium.speech.source_filter import Shapes, SourceFilter, pulse_train
from sensorium.tuning.analysis import MARGIN, log_mel, pitch, powers, with_margins
from sensorium.tuning.codec_encoder import Encoder, encode, to_codes
from sensorium.tuning.codec_encoder import load as load_encoder


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.slow
def test_smoke_run_trains_resumes_exports_and_streams_as_offline(tmp_path):
    plan = PRESETS["smoke"]
    train(plan, tmp_path, resume=False, stop_at=3)
    run = train(plan, tmp_path, resume=True)
    assert run.step == plan.steps
    assert run.audio_s == pytest.approx(plan.steps * plan.batch_size * PIECE_FRAMES * 0.04)
    again = load(tmp_path / "last.pt", plan)
    assert (again.step, again.phonemes, again.wall_s) == (run.step, run.phonemes, run.wall_s)
    rounded = round_weights(again.average)
    export(rounded.decoder, tmp_path / "codec.onnx", steps=again.step)
    save_encoder(rounded.encoder, tmp_path / "encoder.npz")
    codes = encode(load_encoder(tmp_path / "encoder.npz"), _spoken())
    assert verify(rounded.decoder, tmp_path / "codec.onnx", codes) < 0.1
    write_golden(rounded.decoder, codes, tmp_path / "golden.npz")
    assert np.load(tmp_path / "golden.npz")["sound"].shape == (640 * len(codes),)


def test_the_loss_falls_within_a_few_steps(tmp_path):
    run = train(Plan(steps=50, batch_size=2, warmup_steps=5, phoneme_words=20), tmp_path, resume=False)
    row = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert run.step == 50
    assert row["mel"] < 2.9  # of a fresh codec: 3.1


def test_encoded_speech_is_codes_of_the_right_number():
    encoder = Encoder().eval()
    codes = encode(encoder, _spoken()[: 640 * 15 + 1])
    assert codes.shape == (16, 2)
    assert 0 <= codes.min() <= codes.max() < NUM_CODES
    assert encode(encoder, np.zeros(0, np.float32)).shape == (0, 2)


def test_codes_and_levels_are_the_same_thing():
    """given levels as the decoder was trained on, then run time makes the same of their codes"""
    unit = torch.rand(200, 8, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(to_levels(to_codes(unit).numpy()), quantize(unit).numpy(), atol=1e-6)


def test_quantized_levels_pass_gradients():
    unit = torch.full((1, 8), 0.4, requires_grad=True)
    quantize(unit).sum().backward()
    torch.testing.assert_close(unit.grad, torch.full((1, 8), 2.0))


def test_streaming_the_decoder_is_the_same_as_all_at_once():
    torch.manual_seed(0)
    decoder = Decoder().eval()
    levels = 2.0 * torch.rand(1, 13, 8) - 1.0
    with torch.no_grad():
        whole, _, _ = decoder(levels, zero_state(1))
        state, parts = zero_state(1), []
        for i in range(12):
            voice, _, state = decoder(levels[:, i : i + 2], state)
            parts.append(voice)
    for name in Voice._fields:
        streamed = torch.cat([getattr(part, name) for part in parts], 1)
        torch.testing.assert_close(streamed, getattr(whole, name), atol=1e-6, rtol=1e-4)


def test_the_decoder_reads_one_frame_ahead_and_no_further():
    decoder = Decoder().eval()
    levels = torch.zeros(1, 11, 8)
    other = levels.clone()
    other[:, 6:] = 1.0
    with torch.no_grad():
        one, two = decoder(levels, zero_state(1))[0], decoder(other, zero_state(1))[0]
    torch.testing.assert_close(one.noise[:, :20], two.noise[:, :20])
    assert not torch.allclose(one.noise[:, 20:24], two.noise[:, 20:24])


def test_powers_are_densities():
    noise = torch.randn(1, 2 * MARGIN + 160 * 200, generator=torch.Generator().manual_seed(0))
    for fft in (256, 512, 1024):
        assert powers(noise, fft).shape == (1, 200, fft // 2 + 1)
        assert powers(noise, fft).mean() == pytest.approx(1.0, rel=0.05)
    assert log_mel(noise).shape == (1, 200, 80)


@pytest.mark.parametrize("hz", [70.0, 118.0, 240.0, 430.0])
def test_the_pitch_of_pulses_is_found(hz):
    shape = np.exp(np.linspace(0.0, -6.0, 80)).astype(np.float32) * np.ones((100, 1), np.float32)
    voice = SourceFilter()
    sound = voice.feed(Shapes(np.full(100, hz, np.float32), 0.01 * shape, 1e-5 * shape))
    f0_hz, voiced = pitch(with_margins(sound))
    inner = slice(5, 90)
    assert voiced[inner].mean() > 0.98
    assert (1200 * torch.log2(f0_hz[inner] / hz).abs()).max() < 20


def test_noise_and_silence_have_no_pitch():
    rng = np.random.default_rng(0)
    _, voiced = pitch(with_margins(0.1 * rng.standard_normal(32_000, np.float32)))
    assert voiced.mean() < 0.05
    f0_hz, voiced = pitch(with_margins(np.zeros(6400, np.float32)))
    assert voiced.sum() == 0
    assert (f0_hz > 0).all()


def test_harmonics_are_told_from_noise_band_by_band_even_when_the_pitch_glides():
    """given harmonics up to 2 kHz and noise above, then the shares say so"""
    hz = np.geomspace(100.0, 140.0, 100).astype(np.float32)
    low = (np.arange(80) < 40) * np.full((100, 1), 0.01)  # band 40 lies at 1.9 kHz
    voice = SourceFilter()
    sound = with_margins(voice.feed(Shapes(hz, low.astype(np.float32), (0.01 - low).astype(np.float32))))
    tone = torch.from_numpy(hz), torch.ones(100)
    shares = harmonic_shares(sound, *tone)[10:80].mean(0)
    assert (shares[:3] > 0.9).all()
    assert (shares[4:] < 0.2).all()
    assert harmonic_shares(sound, tone[0], torch.zeros(100)).sum() == 0.0


def test_the_true_voice_costs_less_than_any_other():
    """given sound made from known shapes, then the loss is near its floor for them and higher for others"""
    shape = np.exp(np.linspace(0.0, -6.0, 80)).astype(np.float32) * np.ones((192, 1), np.float32)
    hz = np.geomspace(100.0, 180.0, 192).astype(np.float32)
    voice = SourceFilter()
    sound = np.concatenate((voice.feed(Shapes(hz, 0.01 * shape, 1e-4 * shape)), voice.flush()))
    pulses = np.pad(pulse_train(hz, 0.0, float(hz[0]))[0], MARGIN)
    batch = [torch.from_numpy(part)[None] for part in (np.pad(sound, MARGIN), np.roll(pulses, -160), hz)]
    said, phonemes = torch.zeros(1, 48, 5), torch.zeros(1, 48, dtype=torch.long)

    def cost(harmonic: float, noise: float) -> dict[str, float]:
        parts = (harmonic * torch.from_numpy(shape)[None], noise * torch.from_numpy(shape)[None])
        ones = torch.ones(1, 192), torch.ones(1, 192, NUM_SHARES)
        found = losses(Voice(batch[2], *parts), said, *batch, *ones, phonemes)
        return {name: float(value) for name, value in found.items()}

    true = cost(0.01, 1e-4)
    assert true["f0"] == 0.0
    assert true["phoneme"] == pytest.approx(math.log(5))
    assert true["mel"] < 0.15
    assert true["share"] < 0.02 < 0.4 < cost(0.005, 0.005)["share"]
    for other in (cost(0.02, 1e-4), cost(0.005, 1e-4), cost(1e-4, 0.01), cost(0.005, 0.005)):
        assert other["long"] > true["long"]
        assert other["mel"] > true["mel"] or other["long"] > 1.5 * true["long"]


def test_speech_is_cut_into_whole_pieces_with_its_phonemes():
    speech = engine().speak("what is your favourite colour", Style())
    made = pieces(speech, random.Random(0), {"_": 0, "k": 1})
    assert len(made) >= 1
    for piece in made:
        assert piece.samples.shape == piece.pulses.shape == (1, 640 * PIECE_FRAMES + 2 * MARGIN)
        assert piece.f0_hz.shape == piece.voiced.shape == (1, 4 * PIECE_FRAMES)
        assert piece.shares.shape == (1, 4 * PIECE_FRAMES, NUM_SHARES)
        assert piece.phonemes.shape == (1, PIECE_FRAMES)
    heard = np.concatenate([piece.phonemes[0] for piece in made])
    assert {0, 1, IGNORE} >= set(heard.tolist())
    assert heard[0] == 0


def test_the_rate_falls_by_steps_or_by_minutes_whichever_is_further():
    plan = Plan(steps=1_000, warmup_steps=100, max_minutes=10.0)
    rates = [learning_rate(plan, step, 0.0) for step in range(1_001)]
    assert max(rates) == pytest.approx(plan.peak_lr)
    assert rates[-1] == pytest.approx(plan.peak_lr / 100)
    assert learning_rate(plan, 200, 600.0) == pytest.approx(plan.peak_lr / 100)
    assert learning_rate(plan, 200, 30.0) == pytest.approx(learning_rate(plan, 200, 0.0))


def _spoken() -> np.ndarray:
    return engine().speak("hello maya", Style()).samples
