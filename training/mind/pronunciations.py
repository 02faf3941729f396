"""Writes nano's pronunciations, as espeak-ng's base voice has them: `python -m training.mind.pronunciations`.

Of each word the way that is heard most often in sentences, where nearly all stand between others. A quarter
of a minute. They go to the bundle, their SHA-256 to bundle.toml.
"""

from __future__ import annotations

import random
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from training.ear.bundle import BUNDLE, record
from training.espeak import PhonemeMark, WordMark, engine
from training.mind import mouth
from training.mind.speech import bare, starts_of
from training.mind.vocabulary import WORDS
from training.phonemes import PAUSE

FILE = BUNDLE / "pronunciations.txt"
_SENTENCES = 3_000
# A mark is off by a phoneme now and then: so often that the right way wins.
_FEWEST = 24
_SEED = "pronunciations"
# Words are spelled in letters, which are said by their names.
_SPOKEN = (*WORDS, *(letter for letter in string.ascii_lowercase if letter not in WORDS))


def pronounced(
    words: Sequence[str], marks: Sequence[WordMark], phonemes: Iterable[PhonemeMark]
) -> list[tuple[str, tuple[str, ...]]]:
    """What each word of a sentence sounds like, of those that do not share a mark with the next."""
    samples = starts_of(words, marks)
    names = bare(phonemes)
    found = []
    for word, start, end in zip(words, samples, [*samples[1:], 1 << 60], strict=True):
        if start is not None and end is not None:
            sounds = tuple(name for sample, name in names if start <= sample < end and name != PAUSE)
            if sounds:
                found.append((word, sounds))
    return found


def collect() -> dict[str, tuple[str, ...]]:
    rng = random.Random(_SEED)
    heard: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)

    def listen(words: list[str]) -> None:
        speech = engine().speak(" ".join(words), mouth.BASE_STYLE)
        for word, sounds in pronounced([w for w in words if w != "."], speech.words, speech.phonemes):
            heard[word][sounds] += 1

    for _ in range(_SENTENCES):
        listen(mouth.draw_words(rng, odd_share=0.0))
    for word in _SPOKEN:
        # Between others, too, as the stop has no mark of its own; a word that never has one is left out.
        for _ in range(_FEWEST - heard[word].total() if word != "." else 0):
            before, after = rng.choices(WORDS, k=2)
            listen([before, word, after])
    best = {word: counts.most_common(1)[0][0] for word, counts in heard.items() if counts}
    return {**{word: best[word] for word in _SPOKEN if word in best}, ".": (PAUSE,)}


def main() -> None:
    found = collect()
    FILE.write_text("".join(f"{word} {' '.join(sounds)}\n" for word, sounds in found.items()))
    record("pronunciations", FILE)
    missing = [word for word in _SPOKEN if word not in found]
    print(f"{FILE}: {len(found)} words; without: {' '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
