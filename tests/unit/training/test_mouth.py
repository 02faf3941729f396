"""Given sentences to say, one word may be another than anybody expects, but none that an exam holds out."""

from __future__ import annotations

import random

from training.mind.mouth import draw_words
from training.world import VOCABULARY, held_out


def test_an_odd_word_is_of_no_language_or_is_held_out_by_no_exam() -> None:
    # given the same sentences as they always go and with one word replaced
    found = []
    for seed in range(120):
        usual = draw_words(random.Random(seed), odd_share=0.0)
        odd = draw_words(random.Random(seed), odd_share=1.0)
        assert len(odd) == len(usual)
        changed = [new for old, new in zip(usual, odd, strict=True) if new != old]
        assert len(changed) <= 1
        found += changed

    # then both kinds come up, and none that must never fill a slot in training
    assert any(word in VOCABULARY for word in found) and any(word not in VOCABULARY for word in found)
    assert held_out().isdisjoint(found)
