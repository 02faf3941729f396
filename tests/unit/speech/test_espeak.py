from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import sensorium.speech
from sensorium.errors import MissingExtra, WorkerFailed
from sensorium.persona import Voice
from sensorium.speech.espeak import EspeakBridge

PROCESS_FILE = Path(sensorium.speech.__file__).with_name("espeak_process.py")


@pytest.fixture
def restarts() -> list[int]:
    return []


@pytest.fixture
def bridge(restarts: list[int]) -> Iterator[EspeakBridge]:
    try:
        engine = EspeakBridge(on_restart=lambda: restarts.append(1))
    except MissingExtra as e:
        pytest.skip(e.one_line())
    yield engine
    engine.close()


def fake_process(tmp_path: Path, program: str) -> list[str]:
    script = tmp_path / "process.py"
    script.write_text(program)
    return [sys.executable, str(script)]


# In a process of its own, because the tests of training/ load espeak-ng into this one.
USES_THE_BRIDGE = """
import sys
from pathlib import Path
from sensorium.persona import Voice
from sensorium.speech.espeak import EspeakBridge
bridge = EspeakBridge()
assert sum(map(len, bridge.synthesize("hello", Voice()))) > 0
assert "espeakng_loader" not in sys.modules
assert "libespeak" not in Path("/proc/self/maps").read_text(), "ours"
assert "libespeak" in Path(f"/proc/{bridge.child_pid}/maps").read_text(), "the child's"
bridge.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_our_process_never_loads_espeak(bridge):
    done = subprocess.run([sys.executable, "-c", USES_THE_BRIDGE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_process_file_takes_nothing_from_the_house():
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(PROCESS_FILE.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {str(name).split(".")[0] for name in imported} - sys.stdlib_module_names == {"espeakng_loader"}


def test_no_other_file_of_the_house_loads_espeak():
    house = PROCESS_FILE.parents[1]
    loaders = [f for f in house.rglob("*.py") if "import espeakng_loader" in f.read_text()]
    assert loaders == [PROCESS_FILE]


def test_a_process_killed_between_phrases_is_replaced_and_nothing_is_lost(bridge, restarts):
    before = sum(map(len, bridge.synthesize("hello", Voice())))
    old_pid = bridge.child_pid
    os.kill(old_pid, signal.SIGKILL)
    after = sum(map(len, bridge.synthesize("hello", Voice())))
    assert abs(after - before) < 0.1 * before
    assert bridge.child_pid != old_pid and len(restarts) == 1


def test_a_process_killed_in_a_phrase_fails_that_phrase_and_speaks_the_next(bridge, restarts):
    chunks = bridge.synthesize("a very long story " * 200, Voice())
    next(chunks)
    os.kill(bridge.child_pid, signal.SIGKILL)
    with pytest.raises(WorkerFailed, match="died"):
        list(chunks)
    assert sum(map(len, bridge.synthesize("hello", Voice()))) > 0
    assert len(restarts) == 1


def test_a_cancel_when_the_process_is_dead_is_quiet(bridge):
    chunks = bridge.synthesize("a very long story " * 200, Voice())
    next(chunks)
    os.kill(bridge.child_pid, signal.SIGKILL)
    chunks.close()
    assert sum(map(len, bridge.synthesize("hello", Voice()))) > 0


def test_a_process_that_cannot_come_back_fails_every_phrase_until_it_can(tmp_path, bridge):
    once = tmp_path / "once"
    once.touch()
    program = (
        "import os, runpy, sys\n"
        f"try: os.unlink({str(once)!r})\n"
        "except OSError: sys.exit(1)\n"
        "runpy.run_module('sensorium.speech.espeak_process', run_name='__main__')\n"
    )
    fragile = EspeakBridge(fake_process(tmp_path, program))
    os.kill(fragile.child_pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(WorkerFailed):
            list(fragile.synthesize("hello", Voice()))
    once.touch()
    assert sum(map(len, fragile.synthesize("hello", Voice()))) > 0
    fragile.close()


def test_without_espeak_the_error_says_what_to_install(tmp_path):
    program = (
        "import ctypes, runpy, sys\n"
        "sys.modules['espeakng_loader'] = None\n"
        "def refuse(name): raise OSError('libespeak-ng.so.1: cannot open shared object file')\n"
        "ctypes.CDLL = refuse\n"
        "runpy.run_module('sensorium.speech.espeak_process', run_name='__main__')\n"
    )
    with pytest.raises(MissingExtra) as failure:
        EspeakBridge(fake_process(tmp_path, program))
    assert failure.value.remedy == 'pip install "sensorium[espeak]"'


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(1)",
        "print('hello from a library that likes to talk', flush=True)",
        r"import sys; sys.stdout.buffer.write(b'R\xff\xff\xff\xff')",
        r"import sys; sys.stdout.buffer.write(b'R\x02\0\0\0[]')",
        r"import sys; sys.stdout.buffer.write(b'R\x02\0\0\0{{')",
        r"import sys; sys.stdout.buffer.write(b'D\x02\0\0\0{}')",
    ],
)
def test_a_process_that_talks_nonsense_is_an_error_not_a_crash(tmp_path, program):
    with pytest.raises(WorkerFailed):
        EspeakBridge(fake_process(tmp_path, program))


def test_the_process_ends_when_its_pipe_is_closed(bridge):
    assert bridge._child._process.stdin is not None
    bridge._child._process.stdin.close()
    assert bridge._child._process.wait(timeout=10) == 0


def test_a_very_long_path_to_the_data_is_no_problem(bridge, tmp_path):
    import importlib.util

    spec = importlib.util.find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        pytest.skip("a system library has its data where it likes")
    far = tmp_path / ("far" * 40) / ("away" * 40)
    shutil.copytree(Path(spec.origin).parent, far / "espeakng_loader")
    program = (
        f"import runpy, sys\nsys.path.insert(0, {str(far)!r})\n"
        "runpy.run_module('sensorium.speech.espeak_process', run_name='__main__')\n"
    )
    distant = EspeakBridge(fake_process(tmp_path, program))
    sound = np.concatenate(list(distant.synthesize("hello", Voice())))
    distant.close()
    assert len(sound) > 0.3 * distant.sample_rate_hz


def test_every_voice_that_is_listed_can_be_spoken_with(bridge):
    voices = [name for name in bridge.list_voices() if name.startswith(("en", "fr", "de", "English"))]
    assert len(voices) > 15
    for name in voices:
        assert next(bridge.synthesize("one", Voice(espeak=f"{name}+f2"))).size, name
