"""espeak-ng in a process of its own: text on stdin, PCM on stdout. Run with `python -m`, never imported.

espeak-ng is GPL; this is the only file that loads it, and it takes nothing from the rest of the house but its
place in the package, so that no Sensorium process ever holds GPL code (see NOTICE).

A frame is `u8 kind, u32 LE length, body`; bodies are JSON but for PCM.
in:  S {text, voice, pitch, rate_wpm}   C cancel
out: R {engine, sample_rate_hz, voices, variants}   P PCM s16le mono   D {} done   E {code, message}
Each S is answered by P frames and one D or E. The end of stdin ends the process.
"""

import ctypes
import ctypes.util
import json
import os
import select
import signal
import struct
import sys
import unicodedata
from typing import Any

_FRAME = struct.Struct("<cI")

# From espeak-ng's speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_EE_OK = 0
_PARAMETER_RATE = 1
_PARAMETER_PITCH = 3

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class _Gone(Exception):
    """The other end closed its pipe."""


class _Pipes:
    """The two ends of the conversation, as raw descriptors."""

    def __init__(self) -> None:
        self._in_fd = 0
        # What a C library prints must not end up between two frames.
        self._out_fd = os.dup(1)
        os.dup2(2, 1)

    def read(self) -> tuple[bytes, bytes]:
        kind, length = _FRAME.unpack(self._read_exactly(_FRAME.size))
        return kind, self._read_exactly(length)

    def write(self, kind: bytes, body: bytes) -> None:
        rest = memoryview(_FRAME.pack(kind, len(body)) + body)
        try:
            while rest:
                rest = rest[os.write(self._out_fd, rest) :]
        except OSError as e:
            raise _Gone from e

    def write_json(self, kind: bytes, body: dict[str, Any]) -> None:
        self.write(kind, json.dumps(body).encode())

    def cancelled(self) -> bool:
        """Between a request and its answer nothing but a cancel is ever sent."""
        if not select.select([self._in_fd], [], [], 0)[0]:
            return False
        self.read()
        return True

    def _read_exactly(self, num_bytes: int) -> bytes:
        data = b""
        while len(data) < num_bytes:
            more = os.read(self._in_fd, num_bytes - len(data))
            if not more:
                raise _Gone
            data += more
        return data


class _Espeak:
    def __init__(self, pipes: _Pipes) -> None:
        self._pipes = pipes
        self._gone = False
        self._library, data_folder = _load()
        if data_folder is not None:
            # espeak-ng cuts paths at 160 bytes; "." always fits.
            os.chdir(data_folder)
        path = None if data_folder is None else b"."
        self.sample_rate_hz: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, path, _INITIALIZE_DONT_EXIT
        )
        if self.sample_rate_hz <= 0:
            raise OSError("espeak-ng did not find its data files")
        self._callback = _Callback(self._on_samples)  # kept alive here
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.identifiers = self._identifiers()

    def engine(self) -> str:
        version: bytes = self._library.espeak_Info(None)
        return "espeak-ng " + version.decode(errors="replace").split()[0]

    def variants(self) -> list[str]:
        spec = _Voice(languages=ctypes.cast(ctypes.c_char_p(b"variant"), ctypes.POINTER(ctypes.c_char)))
        return sorted(v.identifier.decode().removeprefix("!v/") for v in self._list(ctypes.byref(spec)))

    def say(self, text: str, voice: str, pitch: int, rate_wpm: int) -> str | None:
        """Speaks into the pipe; returns what went wrong, or None."""
        name, plus, variant = voice.partition("+")
        identifier = self.identifiers.get(name, name) + plus + variant
        if self._library.espeak_SetVoiceByName(identifier.encode()) != _EE_OK:
            return f"espeak-ng cannot load the voice {voice!r}"
        self._library.espeak_SetParameter(_PARAMETER_PITCH, pitch, 0)
        self._library.espeak_SetParameter(_PARAMETER_RATE, rate_wpm, 0)
        clean = _without_control_characters(text).encode() + b"\0"
        rc = self._library.espeak_Synth(clean, len(clean), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        if self._gone:
            raise _Gone
        return None if rc == _EE_OK else f"espeak-ng failed with code {rc}"

    def _on_samples(self, samples: int | None, num_samples: int, _events: int | None) -> int:
        # An exception must not leave a ctypes callback; 1 stops the synthesis.
        try:
            if samples and num_samples > 0:
                self._pipes.write(b"P", ctypes.string_at(samples, num_samples * 2))
            return int(self._pipes.cancelled())
        except _Gone:
            self._gone = True
            return 1

    def _identifiers(self) -> dict[str, str]:
        """From what people call a voice (file name, language code, full name) to what always loads it.

        espeak-ng itself does not find a language code that is not also a file name, such as "en-gb".
        """
        voices = [v for v in self._list(None) if not v.identifier.startswith(b"mb/")]  # mbrola is not here
        by_priority = sorted(
            (priority, code, voice.identifier) for voice in voices for priority, code in _languages(voice)
        )
        names = {code: identifier for _, code, identifier in reversed(by_priority)}
        names |= {voice.name: voice.identifier for voice in voices}
        names |= {voice.identifier.rpartition(b"/")[2].lower(): voice.identifier for voice in voices}
        return {name.decode(): identifier.decode() for name, identifier in names.items()}

    def _list(self, spec: Any) -> list[_Voice]:
        found = self._library.espeak_ListVoices(spec)
        voices: list[_Voice] = []
        while found[len(voices)]:
            voices.append(found[len(voices)].contents)
        return voices


def _load() -> tuple[ctypes.CDLL, str | None]:
    """The library and the folder that holds its `espeak-ng-data`; None where the system knows it."""
    try:
        import espeakng_loader
    except ImportError:
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        return ctypes.CDLL(name), None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    return library, os.path.dirname(espeakng_loader.get_data_path())


def _languages(voice: _Voice) -> list[tuple[int, bytes]]:
    """`languages` is a row of (u8 priority, zero-ended code), ended by a zero priority."""
    languages: list[tuple[int, bytes]] = []
    at = ctypes.cast(voice.languages, ctypes.c_void_p).value
    while at and (priority := ctypes.string_at(at, 1)[0]):
        code = ctypes.string_at(at + 1)
        languages.append((priority, code.lower()))
        at += len(code) + 2
    return languages


def _without_control_characters(text: str) -> str:
    # Ctrl-A starts an embedded command in espeak-ng, and NUL would end the text.
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def _converse(pipes: _Pipes) -> int:
    try:
        espeak = _Espeak(pipes)
    except OSError as e:
        pipes.write_json(b"E", {"code": "missing_extra", "message": f"espeak-ng cannot be loaded: {e}"})
        return 2
    ready = {"engine": espeak.engine(), "sample_rate_hz": espeak.sample_rate_hz}
    pipes.write_json(b"R", {**ready, "voices": sorted(espeak.identifiers), "variants": espeak.variants()})
    while True:
        kind, body = pipes.read()
        if kind != b"S":
            continue  # a cancel that crossed the end of what it meant
        problem = espeak.say(**json.loads(body))
        if problem is None:
            pipes.write_json(b"D", {})
        else:
            pipes.write_json(b"E", {"code": "bad_input", "message": problem})


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return _converse(_Pipes())
    except _Gone:
        return 0


if __name__ == "__main__":
    sys.exit(main())
