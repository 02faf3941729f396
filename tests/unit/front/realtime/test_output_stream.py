"""What a Live client hears, ms by ms."""

from __future__ import annotations

from sensorium.front.realtime.output_stream import OutputStream, Words

MS = 48  # bytes of PCM at 24 kHz


def sound(ms: int, level: int = 1) -> bytes:
    return bytes([level]) * (MS * ms)


def test_silence_is_sound_too_and_comes_in_time() -> None:
    stream = OutputStream("audio/pcm")

    assert stream.due(40.0) == (bytes(40 * MS), [])
    assert stream.due(40.0) == (b"", [])
    assert stream.due(41.0) == (bytes(MS), [])


def test_what_is_said_comes_no_sooner_than_it_sounds() -> None:
    stream = OutputStream("audio/pcm")
    stream.due(100.0)

    # when a reply is made faster than it can be played
    stream.begin()
    stream.add(sound(60))
    first, _ = stream.due(140.0)
    rest, _ = stream.due(180.0)

    assert first == sound(40)
    assert rest == sound(20) + bytes(20 * MS)
    assert stream.played_ms == 60


def test_words_are_told_when_they_were_heard_and_where() -> None:
    stream = OutputStream("audio/pcm")
    stream.due(500.0)
    stream.begin()
    stream.mark(30.0, "I like")
    stream.mark(90.0, "I like apples.")
    stream.add(sound(80))

    # when the first words have ended, and when the sound is shorter than they were said to be
    first = stream.due(540.0)[1]
    stream.end()
    rest = stream.due(620.0)[1]

    assert first == [Words("I like", 500, 540)]
    assert rest == [Words("I like apples.", 540, 620)]


def test_a_held_reply_is_silent_and_goes_on_where_it_was() -> None:
    stream = OutputStream("audio/pcm")
    stream.begin()
    stream.add(sound(20, 1) + sound(20, 2))
    stream.due(20.0)

    stream.hold(True)
    assert stream.due(60.0) == (bytes(40 * MS), [])
    stream.hold(False)
    assert stream.due(80.0) == (sound(20, 2), [])
    assert stream.played_ms == 40


def test_a_reply_that_was_cut_off_is_silent_at_once_and_says_nothing_more() -> None:
    stream = OutputStream("audio/pcm")
    stream.begin()
    stream.add(sound(200))
    stream.mark(150.0, "I like apples")
    stream.due(100.0)

    assert stream.played_ms == 100
    stream.drop()

    assert stream.due(300.0) == (bytes(200 * MS), [])
    # and the next one is counted from its own beginning
    stream.begin()
    stream.add(sound(10))
    stream.due(310.0)
    assert stream.played_ms == 10


def test_a_loop_that_stood_still_goes_on_from_now() -> None:
    stream = OutputStream("audio/pcmu")

    came, _ = stream.due(60_000.0)

    assert came == b"\xff" * 8_000
    assert len(stream.due(60_010.0)[0]) == 80
