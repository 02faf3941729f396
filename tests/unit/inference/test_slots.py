"""The slot table: no two personas on one slot, nobody moved without need, evictions said aloud."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.inference.slots import SlotTable
from sensorium.persona import slot_hint

NAMES = [f"persona{i}" for i in range(20)]
turns_of = st.lists(st.sampled_from(NAMES), min_size=1, max_size=80)


@settings(max_examples=100, deadline=None)
@given(turns=turns_of, num_slots=st.integers(1, 16))
def test_seats_are_valid_and_never_shared(turns: list[str], num_slots: int) -> None:
    table = SlotTable(num_slots)

    for name in turns:
        seat = table.seat(name)

        slots = table.seated().values()
        assert 0 <= seat.slot < num_slots
        assert len(set(slots)) == len(slots) <= num_slots
        assert table.seated()[name] == seat.slot


@settings(max_examples=100, deadline=None)
@given(turns=turns_of, num_slots=st.integers(20, 24))
def test_with_a_slot_for_everyone_nobody_ever_moves(turns: list[str], num_slots: int) -> None:
    table = SlotTable(num_slots)
    first: dict[str, int] = {}

    for name in turns:
        seat = table.seat(name)
        assert seat.evicted == ""
        assert seat.is_new == (name not in first)
        assert first.setdefault(name, seat.slot) == seat.slot

    assert table.num_evictions == 0


@settings(max_examples=100, deadline=None)
@given(turns=turns_of, num_slots=st.integers(1, 6))
def test_the_one_who_leaves_was_asked_least_recently_and_is_named(turns: list[str], num_slots: int) -> None:
    table = SlotTable(num_slots)
    recent: list[str] = []
    num_named = 0

    for name in turns:
        seat = table.seat(name)
        if seat.evicted:
            assert seat.is_new and len(recent) == num_slots and seat.evicted == recent[0]
            num_named += 1
        recent = [p for p in recent if p not in (name, seat.evicted)] + [name]
        assert list(table.seated()) == recent

    assert table.num_evictions == num_named


@settings(max_examples=50, deadline=None)
@given(room=st.permutations(NAMES[:8]), num_slots=st.integers(8, 12))
def test_the_same_room_has_the_same_table_whoever_enters_first(room: list[str], num_slots: int) -> None:
    table, other = SlotTable(num_slots), SlotTable(num_slots)

    table.reserve(room)
    other.reserve(sorted(room))

    assert table.seated() == other.seated()


def test_a_hint_is_followed_when_its_slot_is_free() -> None:
    assert SlotTable(6).seat("maya").slot == slot_hint("maya") % 6


def test_two_personas_with_one_hint_modulo_slots_sit_apart() -> None:
    """Given the collision that a plain modulo makes, when both are asked in turns, then nobody is evicted."""
    one, other = next((a, b) for a in NAMES for b in NAMES if a < b and slot_hint(a) % 8 == slot_hint(b) % 8)
    table = SlotTable(8)

    seats = [table.seat(name) for name in (one, other, one, other)]

    assert seats[0].slot != seats[1].slot
    assert [s.is_new for s in seats] == [True, True, False, False]


def test_one_persona_more_than_slots_evicts_and_says_whom() -> None:
    table = SlotTable(3)
    for name in ("ada", "ben", "cid"):
        table.seat(name)
    ada = table.seated()["ada"]

    seat = table.seat("dan")

    assert (seat.slot, seat.evicted, table.num_evictions) == (ada, "ada", 1)


def test_a_persona_with_a_turn_under_way_keeps_its_slot() -> None:
    table = SlotTable(2)
    table.seat("ada")
    table.seat("ben")

    assert table.seat("cid", busy={"ada"}).evicted == "ben"


def test_when_every_slot_is_busy_the_error_says_what_to_do() -> None:
    table = SlotTable(1)
    table.seat("ada")

    with pytest.raises(BadInput) as e:
        table.seat("ben", busy={"ada"})

    assert "--parallel" in e.value.remedy
    assert table.seated() == {"ada": table.seat("ada").slot}


def test_whoever_leaves_the_room_frees_the_slot() -> None:
    table = SlotTable(1)
    table.seat("ada")

    table.release("ada")

    assert table.seat("ben").evicted == ""


def test_reserving_more_than_there_are_slots_evicts_nobody() -> None:
    table = SlotTable(2)
    table.seat("ada")

    table.reserve(["ben", "cid", "dan"])

    assert "ada" in table.seated() and len(table.seated()) == 2


def test_a_server_without_slots_is_refused() -> None:
    with pytest.raises(BadInput):
        SlotTable(0)
