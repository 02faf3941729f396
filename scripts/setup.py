"""Makes .venv and installs Sensorium into it; run by `make setup`, `make demo` and `make test`.

Standard library only. llama-cpp-python is compiled once per machine type (4 to 5 minutes on two cores); its
wheel is kept in the user's cache folder. Safe to run again: it does nothing when nothing has changed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".sensorium-stamp"
EXTRAS = {"run": "espeak", "test": "espeak,stt,mcp,train"}
GROUPS = {"run": [], "test": ["dev", "compat", "browser"]}
BROWSERS = ("chromium", "chromium-browser")


def main() -> int:
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if purpose not in EXTRAS:
        print(f"usage: setup.py [{'|'.join(EXTRAS)}]", file=sys.stderr)
        return 2
    # Runs under whatever python3 is there.
    if sys.version_info < (3, 11):  # noqa: UP036
        print("Sensorium needs Python 3.11 or newer; this is " + platform.python_version(), file=sys.stderr)
        return 2
    wanted = hashlib.sha256(
        (ROOT / "pyproject.toml").read_bytes() + Path(__file__).read_bytes() + str(ROOT).encode()
    ).hexdigest()
    done = STAMP.read_text().split() if STAMP.exists() else []
    if purpose == "test":
        get_browser()
    if done[:1] == [wanted] and (purpose in done[1:] or "test" in done[1:]):
        return 0
    if not PYTHON.exists():
        say("making .venv")
        run([sys.executable, "-m", "venv", str(VENV)])
    run([str(PYTHON), "-m", "pip", "install", "-q", "--upgrade", "pip>=25.1"])
    wheels = llama_wheel_folder()
    say("installing packages")
    groups = [flag for name in GROUPS[purpose] for flag in ("--group", name)]
    # After a purpose "run", "test" only adds; pip leaves what is already right untouched.
    run([str(PYTHON), "-m", "pip", "install", "-q", "--find-links", str(wheels),
         "-e", f".[{EXTRAS[purpose]}]", *groups])  # fmt: skip
    STAMP.write_text(f"{wanted} {purpose}\n")
    say("ready")
    return 0


def llama_wheel_folder() -> Path:
    """A folder with the compiled llama-cpp-python wheel for this machine, compiling it if needed."""
    found = re.search(r'"llama-cpp-python==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert found, "pyproject.toml pins llama-cpp-python"
    version = found[1]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensorium" / "wheels"
    # Compiled for this processor's instructions, so the key names them.
    key = f"cp{sys.version_info[0]}{sys.version_info[1]}-{platform.machine()}-{cpu_key()}"
    folder = cache / key
    if list(folder.glob(f"llama_cpp_python-{version}-*.whl")):
        return folder
    if not shutil.which("cmake") and not shutil.which("cc") and not shutil.which("gcc"):
        print("a C++ compiler is needed to build llama-cpp-python: apt-get install build-essential cmake",
              file=sys.stderr)  # fmt: skip
        raise SystemExit(2)
    partial = cache / f"{key}.partial-{os.getpid()}"
    partial.mkdir(parents=True, exist_ok=True)
    with progress(f"compiling llama-cpp-python {version} (once; 4 to 5 minutes on two cores)"):
        run([str(PYTHON), "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(partial),
             f"llama-cpp-python=={version}"],
            env={"CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 2)})  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in partial.glob("*.whl"):
        os.replace(wheel, folder / wheel.name)
    shutil.rmtree(partial)
    return folder


def get_browser() -> None:
    """The distribution's Chromium, for tests/browser. Where it cannot be had, those tests fail and say so."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        say("tests/browser needs Chromium: sudo apt-get install chromium")
        return
    say("installing Chromium for tests/browser")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for what in ("update", "install -y --no-install-recommends chromium"):
        command = ["apt-get", *what.split()]
        if subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL).returncode != 0:
            say(f"{' '.join(command)} failed; tests/browser will fail without Chromium")
            return


def cpu_key() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return hashlib.sha256(platform.processor().encode()).hexdigest()[:12]
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.M)
    return hashlib.sha256(" ".join(sorted((flags[1] if flags else "").split())).encode()).hexdigest()[:12]


def run(command: list[str], env: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})})
    if result.returncode != 0:
        print(f"set-up failed: {' '.join(command[:6])} ... gave {result.returncode}", file=sys.stderr)
        raise SystemExit(1)


def say(text: str) -> None:
    print(f"[setup] {text}", flush=True)


class progress:
    """A line every 15 seconds, so that nobody thinks it hangs."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._done = threading.Event()

    def __enter__(self) -> None:
        say(self._what)
        started = time.monotonic()

        def tick() -> None:
            while not self._done.wait(15):
                say(f"... {time.monotonic() - started:.0f} s")

        threading.Thread(target=tick, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._done.set()


if __name__ == "__main__":
    raise SystemExit(main())
