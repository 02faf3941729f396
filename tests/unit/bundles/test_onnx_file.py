"""What all ONNX files of a bundle have in common is checked in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.bundles import onnx_file
from sensorium.bundles.catalogue import find
from sensorium.errors import BundleError


@pytest.mark.parametrize("part", ["ear", "codec", "eye"])
def test_what_we_ship_opens_and_a_truncated_copy_does_not(part: str, tmp_path: Path) -> None:
    shipped = find("nano").file(part)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(shipped.read_bytes()[:1000])

    inputs, outputs = onnx_file.tensors(onnx_file.open_session(shipped, part))

    assert inputs and outputs
    with pytest.raises(BundleError, match="not an ONNX model that can run"):
        onnx_file.open_session(cut, part)


def test_a_file_that_is_absent_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BundleError, match="is missing"):
        onnx_file.open_session(tmp_path / "none.onnx", "an ear")
    monkeypatch.setattr(onnx_file, "MAX_FILE_BYTES", 10)
    with pytest.raises(BundleError, match="too large for an eye"):
        onnx_file.open_session(find("nano").file("eye"), "an eye")


FLOAT = "tensor(float)"


def test_a_state_that_comes_out_as_it_goes_in_is_accepted() -> None:
    onnx_file.check_state(Path("x"), {"past": (FLOAT, (1, 8))}, {"past_next": (FLOAT, (1, 8))})


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        ({"past": (FLOAT, (1, 8))}, {"past_next": (FLOAT, (1, 9))}, "not the state"),
        ({"past": (FLOAT, (1, 8))}, {}, "not the state"),
        ({"past": (FLOAT, (1, "n"))}, {"past_next": (FLOAT, (1, "n"))}, "no fixed size"),
        ({"past": (FLOAT, (1 << 11, 1 << 10))}, {"past_next": (FLOAT, (1 << 11, 1 << 10))}, "no fixed size"),
        ({"past": ("tensor(int64)", (1,))}, {"past_next": ("tensor(int64)", (1,))}, "no fixed size"),
    ],
)
def test_another_state_is_refused(inputs: onnx_file.Tensors, outputs: onnx_file.Tensors, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        onnx_file.check_state(Path("x"), inputs, outputs)
