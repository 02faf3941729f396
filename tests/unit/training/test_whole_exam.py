"""A question by voice and its answer by voice: what counts as heard, and the path with a mind of noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the judge measures pitch with torch")

from training.espeak import engine
from training.mind import whole_exam
from training.mind.answer import SPEECH, Answer, Answerer, Spoken
from training.mind.exam import draw_exam
from training.mind.mouth import BASE_STYLE
from training.mind.play import SILENCE, Newest
from training.mind.scene import Copy, Place
from training.mind.vocabulary import CODES_PER_GROUP, NUM_GROUPS, PHONEMES
from training.mind.whole_exam import _Listener, facts_heard, facts_of, plain, questions, rows
from training.world import VOCABULARY

from sensorium.bench import random_gguf
from sensorium.bundles.catalogue import find
from sensorium.hearing.encoder import EarModel
from sensorium.tuning import codec_encoder

DOG = Newest(
    "person", "sam", "what is my dog called", "your dog is called rex .", "recall_mine",
    copies=(Copy("rex", (Place("line", 0),), "dog"),),
)  # fmt: skip
# No word of it is like another that the judge knows.
TURTLE = Newest(
    "person", "sam", "what is my turtle called", "your turtle is called bandit .", "recall_mine",
    copies=(Copy("bandit", (Place("line", 0),), "turtle"),),
)  # fmt: skip
ECHO = Newest(
    "person", "sam", "say of the", "of the .", "repeat", copies=(Copy("of the", (Place("line", 0),)),)
)
CLOCK = Newest(
    "person", "sam", "what time is it", "it is nine twenty in the morning .", "time",
    copies=(Copy("nine twenty in the morning", (Place("line", 0),)),),
)  # fmt: skip
NO = Newest("person", "sam", "do you like tea", "no i do not like tea .", "own_yes_no")
WIDTH = 64


@pytest.fixture(scope="module")
def mind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A mind of random weights that can speak, and senses of its width."""
    folder = tmp_path_factory.mktemp("mind")
    codes = [f"<|code_{i}|>" for i in range(NUM_GROUPS * CODES_PER_GROUP)]
    random_gguf.write_dense(
        folder / "mind.gguf",
        width=WIDTH,
        seed=5,
        extra_words=VOCABULARY,
        sounds=(SPEECH.open, SPEECH.close, *(f"<|phoneme_{i}|>" for i in range(len(PHONEMES))), *codes),
    )
    num_words = len(EarModel.load(find("nano").file("ear")).words)
    weight = np.random.default_rng(1).standard_normal((WIDTH, num_words)).astype(np.float32)
    np.savez(folder / "senses.npz", ear_weight=weight, ear_bias=np.zeros(WIDTH, np.float32))
    return folder / "mind.gguf", folder / "senses.npz"


def test_what_matters_is_all_but_glue_and_all_that_is_said_word_for_word() -> None:
    assert facts_of(DOG) == ["your", "dog", "rex"]
    assert facts_of(ECHO) == ["of", "the"]
    assert facts_of(CLOCK) == ["nine", "twenty", "morning"]


@pytest.mark.parametrize(
    ("newest", "heard", "right"),
    [
        (DOG, "your dog is called rex", True),
        (DOG, "your dog called rex", True),
        (DOG, "your dog is called red", False),
        (DOG, "rex is called your dog", False),
        (DOG, "your dog is not called rex", False),
        (ECHO, "of a", False),
        (CLOCK, "it is nine twenty in morning", True),
        (CLOCK, "it is twenty in the morning", False),
        (NO, "no i do not like tea", True),
        (NO, "know i not like tea", True),
        (NO, "i do like tea", False),
        (NO, "", False),
    ],
)
def test_an_answer_is_heard_in_its_facts(newest: Newest, heard: str, right: bool) -> None:
    assert facts_heard(newest, heard.split()) is right


def test_questions_are_held_out_spoken_and_answered_in_words_of_the_judge() -> None:
    drawn = questions(2, seed=1)
    assert {split for split, _ in drawn} == {"fillers", "phrasings"}
    assert len(drawn) > 50
    for _, play in drawn:
        assert play.newest.kind == "person"
        assert play.newest.reply != SILENCE and "ok" not in play.newest.reply.split()


def test_a_right_answer_in_a_clear_voice_is_heard_and_a_wrong_text_never_counts() -> None:
    # given what a perfect mind would write and speak
    encoder = codec_encoder.load(find("nano").file("codec_encoder"))
    codes = codec_encoder.encode(encoder, engine().speak(" ".join(plain(TURTLE.reply)), BASE_STYLE).samples)
    spoken = Spoken(codes, np.zeros(len(codes), np.int64), True)
    listener = _Listener()
    # when
    right = listener.outcome("fillers", TURTLE, Answer(TURTLE.reply, spoken))
    wrong = listener.outcome("fillers", TURTLE, Answer("your turtle is called max .", spoken))
    # then
    assert right.written and right.facts and right.ceiling_facts and right.ended
    assert not (wrong.written or wrong.exact or wrong.facts) and wrong.ceiling_facts


def test_the_same_words_are_answered_aloud_and_in_text(mind: tuple[Path, Path]) -> None:
    _, play = draw_exam(1, splits=("train",), skills=("own_fact",), seed=3)[0]
    answerer = Answerer(mind[0], speaks=True)
    try:
        answer = answerer.answer_aloud(play)
        assert answer.text == answerer.reply_to(play)
    finally:
        answerer.close()
    assert answer.spoken.codes.shape == (len(answer.spoken.words), NUM_GROUPS)


def test_a_mind_of_noise_goes_all_the_way_and_answers_nothing(
    mind: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = questions(1, seed=1)
    monkeypatch.setattr(whole_exam, "questions", lambda *_: [*few[:3], *few[-3:]])
    table = rows(1, *mind)
    assert [row["split"] for row in table] == ["fillers", "phrasings", "all"]
    whole = table[-1]
    assert whole["questions"] == sum(row["questions"] for row in table[:-1]) == 6
    assert (whole["written"], whole["heard_facts"], whole["heard_exact"]) == (0, 0, 0)
    assert 0 < whole["ceiling_exact"] <= whole["ceiling_facts"]
    assert whole["bar_on"] == "heard_facts" and whole["met"] is False
