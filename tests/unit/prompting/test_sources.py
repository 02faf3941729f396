from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.unit.prompting.views import CHATML, NANO, TOOLS, a_view, said, text_of

from sensorium.persona import Persona
from sensorium.prompting.compose import compose
from sensorium.prompting.sources.volatile import time_words
from sensorium.prompting.view import Rows
from sensorium.recipe import Recipe
from sensorium.request import Part


def test_identity_is_told_fact_by_fact_in_the_order_of_the_keys() -> None:
    assert text_of(compose(a_view(), NANO), "identity") == [
        " your name is maya . you are thirty years old . your favourite colour is red ."
        " you like green tea . your pet is a cat ."
    ]


def test_identity_in_prose_has_the_description_after_the_name() -> None:
    (identity,) = text_of(compose(a_view(), CHATML), "identity")
    assert identity == (
        "system\nYour name is Maya. You are calm. You are 30 years old. Your favourite colour is red. "
        "You like green tea. Your pet is a cat.\n"
    )


def test_home_and_dislikes_have_sentences_of_their_own() -> None:
    persona = Persona(id="ole", name="Ole", facts={"home": "St. Ives", "dislikes": "rain."})
    (identity,) = text_of(compose(replace(a_view(), persona=persona), NANO), "identity")
    assert identity == " your name is ole . you do not like rain . you live in st ives ."


def test_the_order_in_which_facts_were_entered_does_not_show() -> None:
    facts = a_view().persona.facts
    turned = replace(a_view().persona, facts=dict(reversed(facts.items())))
    assert compose(replace(a_view(), persona=turned), NANO) == compose(a_view(), NANO)


def test_an_empty_recipe_takes_the_bundle_s() -> None:
    prompt = compose(replace(a_view(), recipe=Recipe()), NANO)
    assert text_of(prompt, "recipe") == [f" {NANO.recipe_text.strip()}"]
    assert text_of(compose(replace(a_view(), recipe=Recipe()), CHATML), "recipe") == []


def test_tools_come_by_name_whatever_order_they_were_given_in() -> None:
    prompt = compose(a_view(), NANO)
    assert text_of(prompt, "tools") == [" clock . tells the time . lamp . turns the lamp on ."]
    assert compose(replace(a_view(), tools=TOOLS[::-1]), NANO) == prompt


def test_a_tool_s_schema_does_not_depend_on_how_it_was_built() -> None:
    tool = replace(TOOLS[0], parameters=dict(reversed(TOOLS[0].parameters.items())))
    assert compose(replace(a_view(), tools=(tool,)), CHATML) == compose(
        replace(a_view(), tools=(TOOLS[0],)), CHATML
    )


def test_each_entry_stands_in_the_frame_of_who_spoke() -> None:
    prompt = compose(a_view(), NANO)
    entries = [b for b in prompt.blocks if b.source == "conversation"]
    assert [[p.text for p in b.parts] for b in entries] == [
        ["<|event|>", " joe comes in", "<|end|>"],
        ["<|person|>", " joe", "<|says|>", " hi my dog is called rex", "<|end|>"],
        ["<|self|>", " hello . i like dogs .", "<|end|>"],
        ["<|persona|>", " sam", "<|says|>", " so do i .", "<|end|>"],
    ]


def test_the_same_conversation_is_told_from_each_persona_s_side() -> None:
    sam = compose(a_view("Sam"), NANO)
    entries = [[p.text for p in b.parts] for b in sam.blocks if b.source == "conversation"]
    assert entries[2] == ["<|persona|>", " maya", "<|says|>", " hello . i like dogs .", "<|end|>"]
    assert entries[3] == ["<|self|>", " so do i .", "<|end|>"]


def test_a_speaker_without_a_readable_name_is_someone() -> None:
    view = replace(a_view(), newest=said(9, "!!", "hi"))
    assert text_of(compose(view, NANO), "newest") == [" someone hi"]
    assert text_of(compose(replace(view, newest=said(9, " ", "hi")), CHATML), "newest") == [
        "user\nSomeone: hi\n"
    ]


def test_volatile_texts() -> None:
    prompt = compose(a_view(), NANO)
    assert text_of(prompt, "memories") == [" joe has a dog"]
    assert text_of(prompt, "percepts") == [" here are maya sam and joe", " you see a red ball"]
    assert text_of(prompt, "time") == [" it is four seventeen in the afternoon"]
    assert text_of(prompt, "newest") == [" joe maya what do you like"]


def test_volatile_texts_as_written() -> None:
    prompt = compose(a_view(), CHATML)
    assert text_of(prompt, "percepts")[0] == "system\nHere are Maya, Sam and Joe.\n"
    assert text_of(prompt, "time") == ["system\n1970-01-01T16:17\n"]
    assert text_of(prompt, "newest") == ["user\nJoe: Maya, what do you like?\n"]


def test_one_alone_is_here() -> None:
    view = replace(a_view(), personas_here=("Maya",), people_here=())
    assert text_of(compose(view, NANO), "percepts")[0] == " here is maya"


def test_who_came_first_does_not_show() -> None:
    one = replace(a_view(), personas_here=("sam", "Maya", "Zoe"), people_here=("joe", "Ann"))
    two = replace(one, personas_here=("Zoe", "Maya", "sam"), people_here=("Ann", "joe"))
    assert compose(one, NANO) == compose(two, NANO)
    assert text_of(compose(one, NANO), "percepts")[0] == " here are maya sam zoe ann and joe"


def test_a_memory_that_says_nothing_is_left_out() -> None:
    assert text_of(compose(replace(a_view(), memories=("...", "Rex barks.")), NANO), "memories") == [
        " rex barks"
    ]


def test_the_room_s_own_clock_is_told() -> None:
    view = replace(a_view(), utc_offset_s=-5 * 3600)
    assert text_of(compose(view, NANO), "time") == [" it is eleven seventeen in the morning"]


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (0, 0, "it is twelve at night"),
        (4, 59, "it is four fifty nine at night"),
        (5, 0, "it is five in the morning"),
        (12, 1, "it is twelve oh one in the afternoon"),
        (18, 30, "it is six thirty in the evening"),
        (23, 5, "it is eleven oh five at night"),
    ],
)
def test_the_time_in_words(hour: int, minute: int, words: str) -> None:
    assert time_words(hour, minute) == words


def test_what_was_heard_stands_in_rows_where_its_words_would() -> None:
    view = replace(a_view(), newest=said(9, "Sam", "maya what do you like"))
    heard = replace(view, heard=("maya", Rows("ab" * 32, 4)))
    # given the same message read and heard
    read, by_ear = compose(view, NANO), compose(heard, NANO)
    # then only what stands between the frame's tokens differs
    (words,) = (b.parts for b in read.blocks if b.source == "newest")
    (rows,) = (b.parts for b in by_ear.blocks if b.source == "newest")
    assert words[-2] == Part(" maya what do you like")
    assert rows == (*words[:-2], Part(" maya"), Part("ab" * 32, rows=4), words[-1])
    assert read.stable() == by_ear.stable()


def test_what_nobody_could_make_out_is_a_message_without_words() -> None:
    view = replace(a_view(), newest=said(9, "Sam", "uh"), heard=("",))
    (parts,) = (b.parts for b in compose(view, NANO).blocks if b.source == "newest")
    assert parts == (Part("<|person|>", True), Part(" sam"), Part("<|says|>", True), Part("<|end|>", True))


def test_a_picture_stands_in_a_percept_s_frame_behind_its_token() -> None:
    seeing = replace(NANO, image=("<|image|>",), special_tokens=(*NANO.special_tokens, "<|image|>"))
    view = replace(a_view(), pictures=(Rows("cd" * 32, 3),), percepts=("sam waves",))
    percepts = [b.parts for b in compose(view, seeing).blocks if b.source == "percepts"]
    picture = (Part("<|image|>", True), Part("cd" * 32, rows=3))
    assert percepts[1] == (Part("<|percept|>", True), *picture, Part("<|end|>", True))
    assert percepts[2][1] == Part(" sam waves")


def test_instructions_are_read_by_whoever_reads_prose() -> None:
    """Given instructions for one reply, then they stand before the newest message, where words are free."""
    view = replace(a_view(), instructions="Speak like a pirate.")

    assert text_of(compose(view, CHATML), "instructions") != []
    assert "Speak like a pirate." in text_of(compose(view, CHATML), "instructions")[0]
    assert text_of(compose(view, NANO), "instructions") == []


def test_a_closed_world_reads_its_own_rules_whatever_the_recipe_says() -> None:
    prose = Recipe(text="Say only the story; leave its end open.")
    assert text_of(compose(replace(a_view(), recipe=prose), NANO), "recipe") == [
        f" {NANO.recipe_text.strip()}"
    ]
    (told,) = text_of(compose(replace(a_view(), recipe=prose), CHATML), "recipe")
    assert prose.text in told


def test_what_was_read_before_is_put_again_to_a_closed_world_only() -> None:
    view = a_view()
    again = replace(view, newest=view.history[-1])
    assert len(text_of(compose(again, NANO), "newest")) == 1
    assert text_of(compose(again, CHATML), "newest") == []
    assert len(text_of(compose(view, CHATML), "newest")) == 1
