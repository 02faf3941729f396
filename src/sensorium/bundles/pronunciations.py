"""How the words of a mind are pronounced: a file of a bundle, one word a line with its phonemes.

    maya m aI @
    not n 0 t

What a mind says of a word that stands here is not left to it (docs/decisions/0010). Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sensorium.bundles.catalogue import Bundle
from sensorium.errors import BundleError

MAX_BYTES = 16 << 20
_MAX_PHONEMES = 64

# word -> its phonemes, each a number from 0.
Pronunciations = dict[str, tuple[int, ...]]


def of(bundle: Bundle) -> Pronunciations:
    """None where it has no such file, or its mind no phonemes. Raises BundleError as `read`, and for a file
    that is missing or altered."""
    if "pronunciations" not in bundle.files or not (bundle.speech and bundle.speech.phonemes):
        return {}
    return read(bundle.file("pronunciations"), bundle.speech.phonemes)


def read(path: Path, phonemes: Sequence[str]) -> Pronunciations:
    """`phonemes` names them by number. Raises BundleError for what is not such a file."""
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as e:
        raise BundleError(f"{path} is no UTF-8 text: {e}") from e
    numbers = {name: number for number, name in enumerate(phonemes)}
    found: Pronunciations = {}
    for line_number, line in enumerate(lines, 1):
        word, *names = line.split()[: _MAX_PHONEMES + 2] or [""]
        unknown = next((name for name in names if name not in numbers), None)
        problem = (
            "has no phonemes" if not names
            else "has too many phonemes" if len(names) > _MAX_PHONEMES
            else f"has a phoneme {unknown!r} that the mind does not" if unknown is not None
            else f"says {word!r} again" if word in found
            else ""
        )  # fmt: skip
        if problem:
            raise BundleError(f"{path}, line {line_number} {problem}")
        found[word] = tuple(numbers[name] for name in names)
    return found
