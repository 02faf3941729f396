"""The data that nano's mind learns from: the same texts as the house composes, in the words of the world."""

from __future__ import annotations

import random
import re
import string
from collections import Counter

import numpy as np
import pytest
from training import world
from training.eye.scenes import COLOURS, LOOKS, Scene, draw_scene, side
from training.mind import vocabulary
from training.mind.exam import LATER_SKILLS, SKILLS, draw_exam
from training.mind.now import time_words
from training.mind.pictures import NOTHING, PictureBank
from training.mind.play import SILENCE, Play, draw_more, draw_play
from training.mind.render import ANSWER, LAST_ANSWER, Page, render
from training.mind.scene import SceneFiller
from training.mind.strings import random_statements, repeated_strings
from training.mind.view import as_view, prompt_format
from training.world import SPLITS, VOCABULARY, Split, articled, number

from sensorium.prompting.compose import lay_out


def tokens_of_parts(play: object) -> list[int]:
    ids: list[int] = []
    for block in lay_out(as_view(play), prompt_format()).blocks:  # type: ignore[arg-type]
        for part in block.parts:
            ids += [vocabulary.SPECIAL_ID[part.text]] if part.special else vocabulary.encode(part.text)
    return ids


@pytest.mark.parametrize("split", SPLITS)
def test_training_text_is_what_the_house_composes(split: Split) -> None:
    rng = random.Random(11)
    compared = 0
    while compared < 60:
        play = draw_play(rng, split)
        if not play.moment.clock:
            continue
        assert tokens_of_parts(play) == render(play, with_reply=False).ids
        compared += 1


def test_every_hour_reads_as_the_house_reads_it() -> None:
    from sensorium.prompting.sources import volatile

    for hour in range(24):
        for minute in (0, 5, 17, 40):
            assert f"it is {time_words(hour, minute)}" == volatile.time_words(hour, minute)


def test_rendering_is_the_same_for_the_same_seed() -> None:
    one, two = (render(draw_play(random.Random("s"), "train")).ids for _ in range(2))
    assert one == two


@pytest.mark.parametrize("split", SPLITS)
def test_the_examination_covers_every_skill_and_answers_in_words_of_the_world(split: Split) -> None:
    exam = draw_exam(2, splits=(split,))
    assert [play.newest.skill for _, play in exam] == [
        skill for skill in (*SKILLS, *LATER_SKILLS) for _ in range(2)
    ]
    known = {*vocabulary.WORD_ID, *string.ascii_lowercase}
    for reply in (play.newest.reply for _, play in exam):
        assert reply == SILENCE or known.issuperset(reply.split()), reply
        assert len(reply.split()) <= 24


def test_what_another_persona_asks_of_this_one_is_answered_told_by_somebody_or_not() -> None:
    plays = [play for _, play in draw_exam(10, skills=("called",))]
    for play in plays:
        newest = play.newest
        assert newest.kind == "persona" and newest.speaker in play.scene.personas
        assert play.scene.name in newest.text.split() and newest.reply != SILENCE
        found = render(play).shown["source"][opener_of(play)] != (0,)
        assert found == bool(newest.copies)
    told = [p for p in plays if p.scene.lines and p.newest.text.removesuffix(" .") in p.scene.lines[-1].text]
    assert 0 < len(told) < len(plays)


def test_sentences_are_to_be_said_again_as_well_as_words_in_no_order() -> None:
    sentences = {
        t for i in world.INTENTS.values() for t in i.train if t.count(" ") > 1 and not world.slots(t)
    }
    exam = draw_exam(60, splits=("train",), skills=("repeat",))
    said = [play.newest.reply.removesuffix(" .") for _, play in exam]
    assert 0 < sum(words in sentences for words in said) < len(said)


def test_personas_end_their_sentences_as_the_house_writes_them() -> None:
    rng = random.Random(12)
    for _ in range(200):
        play = draw_play(rng, "train")
        assert all(line.text.endswith(" .") for line in play.scene.lines if line.kind == "persona")
        assert play.newest.kind == "person" or play.newest.text.endswith(" .")


def test_held_out_words_fill_no_slot_where_words_stand_in_their_place() -> None:
    rng = random.Random(5)
    held = world.held_out()
    for _ in range(150):
        play = draw_play(rng, "train")
        own = {w for value in play.scene.facts.values() for w in value.split()}
        names = {play.scene.name, *play.scene.personas, *play.scene.people}
        assert not (own | names) & held


def test_held_out_templates_are_never_trained() -> None:
    for name, intent in world.INTENTS.items():
        assert not set(intent.train) & set(intent.held), name


def test_weight_classes_mark_the_answer_and_nothing_of_others() -> None:
    play = draw_play(random.Random(2), "train", max_lines=1, skill="own_fact")
    page = render(play)
    start = len(render(play, with_reply=False).ids)
    assert set(page.classes[start:]) == {LAST_ANSWER}
    assert page.ids[-1] == vocabulary.END


def test_attention_is_shown_the_very_words_that_come_next() -> None:
    rng = random.Random(8)
    shown = 0
    for _ in range(60):
        page = render(draw_more(draw_play(rng, "train", odd=rng.choice((0.0, 0.9))), 4))
        for position, targets in page.shown["source"].items():
            assert max(targets) <= position
            if page.ids[position] != vocabulary.SELF:
                assert {page.ids[t] for t in targets} == {page.ids[position + 1]}
                shown += 1
    assert shown > 500


def opener_of(play: Play) -> int:
    return len(render(play, with_reply=False).ids) - 1


def words_at(page: Page, kind: str, position: int) -> set[str]:
    return {vocabulary.decode([page.ids[t]]) for t in page.shown[kind][position]}


def test_before_an_answer_attention_is_shown_the_end_of_the_newest_statement() -> None:
    play = draw_play(random.Random(4), "train", skill="recall_changed")
    page, copy = render(play), play.newest.copies[0]
    newest = [s for s in play.scene.statements if (s.whom, s.topic) == (copy.whom, copy.topic)][-1]

    (found,) = page.shown["source"][opener_of(play)]

    assert copy.places == (newest.place,)
    assert page.ids[found] == vocabulary.END
    assert vocabulary.encode(copy.words)[0] in page.ids[found - 12 : found]


def test_a_statement_is_shown_the_one_that_it_supersedes() -> None:
    play = draw_play(random.Random(4), "train", skill="recall_changed")
    earlier = render(play).shown["earlier"]
    assert all(max(targets) < position for position, targets in earlier.items())
    assert any(targets != (0,) for targets in earlier.values())
    assert any(targets == (0,) for targets in earlier.values())


def test_before_an_answer_that_nothing_gives_attention_is_shown_the_first_token() -> None:
    play = draw_play(random.Random(4), "train", skill="own_unknown")
    assert render(play).shown["source"][opener_of(play)] == (0,)


def test_before_an_answer_attention_is_shown_what_is_asked_for_and_about_whom() -> None:
    rng = random.Random(9)
    compared = 0
    while compared < 20:
        play = draw_play(rng, "train", skill="recall_theirs")
        copy = play.newest.copies[0]
        if not copy.topic:
            continue
        page, opener = render(play), opener_of(play)
        assert words_at(page, "topic", opener) == {copy.topic}
        statement = max(page.shown["source"][opener])
        assert words_at(page, "topic", statement) == {copy.topic}
        assert words_at(page, "whom", statement) == words_at(page, "whom", opener)
        compared += 1


def test_words_belong_to_whoever_says_them() -> None:
    play = draw_play(random.Random(6), "train", max_lines=6)
    page = render(play)
    names = set().union(*(words_at(page, "owner", position) for position in page.shown["owner"]))
    assert names and names <= {*play.scene.people, *play.scene.personas, "<|self|>"}


def test_repeated_strings_are_learnt_only_from_their_second_time() -> None:
    page = repeated_strings(random.Random(1))
    first_answer = page.classes.index(ANSWER)
    assert page.ids[first_answer] in page.ids[:first_answer]


def test_random_statements_are_answered_by_the_newest_and_use_every_word() -> None:
    rng = random.Random(3)
    words: set[int] = set()
    for _ in range(300):
        page = random_statements(rng)
        words |= set(page.ids)
        for position, targets in page.shown["source"].items():
            (at,) = targets
            if page.ids[position] == vocabulary.SELF:
                assert at == 0 or page.ids[at] == vocabulary.END
            else:
                assert page.ids[at] == page.ids[position + 1]
            later = page.shown["earlier"]
            assert not any(at in found and end < position for end, found in later.items() if at)
    assert len(words & set(vocabulary.WORD_ID.values())) > 0.99 * len(vocabulary.WORD_ID)


def test_tokens_come_in_their_fixed_order_and_decode_to_what_was_encoded() -> None:
    texts = vocabulary.token_texts()
    assert len(texts) == len(set(texts)) == vocabulary.SIZE
    assert texts[vocabulary.FIRST_WORD].startswith("Ġ")
    text = "what is zork of maya"
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_the_world_is_small_and_its_words_are_plain() -> None:
    assert len(world.VOCABULARY) <= 1_500
    assert all(w == "." or (w.isalpha() and w.islower()) for w in world.VOCABULARY)
    assert len(world.INTENTS) >= 25


@pytest.mark.parametrize("split", SPLITS)
def test_utterances_use_only_words_of_the_world(split: Split) -> None:
    rng = random.Random(7)
    for _ in range(500):
        assert all(w in vocabulary.WORD_ID for w in world.utterance(rng, split=split).split())


def test_misplaced_words_are_held_out_ones_too_but_never_in_a_slot_of_their_kind() -> None:
    # given a filler that always takes a word that does not belong
    filler = SceneFiller(random.Random(1), odd=1.0)
    # when
    drawn = [(category, filler.word(category)) for category in ("city", "animal", "colour") * 300]
    # then
    assert all(word not in world.WORDS[category] for category, word in drawn)
    assert world.held_out() & {word for _, word in drawn}


def test_what_is_liked_though_misplaced_is_no_held_out_word_that_can_be_liked() -> None:
    # given categories that share a slot, of which each leaves out words
    filler = SceneFiller(random.Random(1), odd=1.0)
    likable = {w for kind in ("food", "drink", "topic", "hobby", "sport") for w in world.WORDS[kind]}
    # when
    liked = {word for _ in range(2_000) for word in filler.like().split()[-1:]}
    # then
    assert len(liked) > 200 and not liked & likable & world.held_out()


def pictures_of(scenes: list[Scene]) -> PictureBank:
    looks = np.full((len(scenes), 4, 2), NOTHING, np.int8)
    places = np.zeros((len(scenes), 4, 3), np.float16)
    for row, scene in enumerate(scenes):
        for slot, t in enumerate(scene.things):
            looks[row, slot] = LOOKS.index((t.kind, t.detail)), COLOURS.index(t.colour)
            places[row, slot] = t.x, t.y, t.size
    return PictureBank(np.zeros((len(scenes), 5, 128), np.float16), looks, places)


def test_what_is_said_of_a_picture_is_true_and_can_be_read_where_it_is_shown() -> None:
    rng = random.Random(5)
    bank = pictures_of([draw_scene(rng) for _ in range(200)])
    asked: Counter[str] = Counter()
    for _ in range(400):
        # given somebody who asks about a picture
        play = draw_play(rng, "train", skill="sight", pictures=bank)
        if play.moment.picture is None:
            continue
        things = play.moment.picture.things
        words = [thing.words for thing in things]
        reply, text = play.newest.reply, play.newest.text
        # then the reply is what a look at the scene would give
        if "how many" in text:
            asked["many"] += 1
            assert reply == (
                f"i see {number(len(things))} thing{'s' * (len(things) != 1)} ."
                if things
                else "i see nothing ."
            )
        elif found := re.search(r"(left of|right of|above|over|below|under) the (.*?)( \w+ ?)?$", text):
            asked["side"] += 1
            of = [t for t in things if t.words in text]
            if len(of) == 1 and reply != "i do not know that .":
                where = found[1].split()[0].replace("over", "above").replace("under", "below")
                there = [t.words for t in things if t is not of[0] and side(t, of[0]) == where]
                assert reply.startswith(f"the {there[0]} is" if there else "nothing is"), (text, reply)
        elif reply.startswith("i see a"):
            asked["see"] += 1
            assert articled(f"i see {' and '.join(f'a {w}' for w in words)} .") == reply
        # and each of its rows stands in the prompt, the whole picture's first
        page = render(play)
        assert [(which, slot) for _, which, slot in page.seen] == [
            (play.moment.picture.which, slot) for slot in range(1 + len(things))
        ]
        sources = {target for targets in page.shown["source"].values() for target in targets}
        if reply.startswith("i see a"):
            assert {position for position, _, slot in page.seen if slot} <= sources
    assert min(asked[kind] for kind in ("many", "side", "see")) > 10, asked


def test_what_a_person_says_may_be_heard_but_only_in_words_that_the_ear_knows() -> None:
    rng = random.Random(6)
    num_heard = 0
    for _ in range(60):
        play = draw_more(draw_play(rng, "train", odd=0.4), 4)
        page = render(play, heard=lambda: True)
        texts = [m.text for m in (play.newest, *play.more) if m.kind == "person"]
        heard = [vocabulary.decode([page.ids[i]]) for i in page.heard]
        known = [t for t in texts if all(w in VOCABULARY for w in t.split())]
        assert heard == [word for text in known for word in text.split()]
        num_heard += len(heard)
    assert num_heard > 500
    assert render(draw_play(rng, "train")).heard == []
