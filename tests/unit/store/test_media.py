"""Given bytes, when they are kept, then they are found by their hash, once, and unchanged."""

from __future__ import annotations

import hashlib

import pytest

from sensorium.errors import BadInput, NotFound
from sensorium.store import media
from sensorium.store.store import Store


def test_the_same_bytes_are_kept_once_under_their_hash(store: Store) -> None:
    data = bytes(range(256)) * 50
    first = store.submit(media.put, data, "audio/wav").result()
    assert store.submit(media.put, data, "audio/wav").result() == first == hashlib.sha256(data).hexdigest()
    assert store.read(media.get, first).result() == media.Media(sha256=first, mime="audio/wav", data=data)
    assert store.read(lambda db: db.execute("SELECT count(*) FROM media").get).result() == 1


@pytest.mark.parametrize(("data", "mime"), [(b"", "audio/wav"), (b"x", "sound"), (b"x", "Audio/<b>")])
def test_nothing_and_nonsense_are_refused(store: Store, data: bytes, mime: str) -> None:
    with pytest.raises(BadInput):
        store.submit(media.put, data, mime).result()


def test_too_much_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_BYTES", 10)
    with pytest.raises(BadInput, match="11 bytes"):
        store.submit(media.put, bytes(11), "image/jpeg").result()


def test_an_unknown_hash_is_said_so(store: Store) -> None:
    with pytest.raises(NotFound):
        store.read(media.get, "0" * 64).result()
