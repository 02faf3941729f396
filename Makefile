.PHONY: help setup demo room test fuzz guided bench compat lint clean
PY := .venv/bin/python
OUT ?= out
EXAMPLES ?= 20000
TARGET ?= pictures
FUZZ_SECONDS ?= 60
COMPAT_CLIENTS := "livekit-agents>=1.8,<1.9" "livekit-plugins-openai>=1.8,<1.9" "pipecat-ai[openai]>=1.14,<2" \
  "openai-agents>=0.24,<1"
# Several libraries start a thread pool each; on small machines they fight.
export OMP_NUM_THREADS ?= 2

help:
	@echo "make demo    six personas, spoken questions, spoken answers (sets itself up)"
	@echo "make room    the room as a page in the browser, until Ctrl-C (sets itself up)"
	@echo "make test    lint, types and all tests (sets itself up)"
	@echo "make fuzz    the properties of tests/fuzz with EXAMPLES (20000) examples each (sets itself up)"
	@echo "make guided  one TARGET (pictures) of tests/fuzz/targets.py for FUZZ_SECONDS (60), by atheris, which it installs"
	@echo "make bench   prefix reuse, ours beside llama-server (sets itself up)"
	@echo "make compat  livekit-agents, pipecat and openai-agents as clients of the room, in their own environment"
	@echo "make setup   only the set-up, in .venv"

setup:
	@python3 scripts/setup.py run

demo:
	@python3 scripts/setup.py run
	$(PY) -m sensorium demo --out $(OUT)

room:
	@python3 scripts/setup.py run
	$(PY) -m sensorium up

test:
	@python3 scripts/setup.py test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest

fuzz:
	@python3 scripts/setup.py test
	FUZZ_EXAMPLES=$(EXAMPLES) $(PY) -m pytest tests/fuzz -o timeout=0

guided:
	@python3 scripts/setup.py test
	$(PY) -m pip install --quiet --target build/atheris "atheris>=3,<4"
	PYTHONPATH=build/atheris:. $(PY) tests/fuzz/guided.py $(TARGET) -max_total_time=$(FUZZ_SECONDS)

bench:
	@python3 scripts/setup.py test
	$(PY) -m sensorium bench prefix --personas 6
	$(PY) -m sensorium bench prefix --personas 14

compat:
	@python3 scripts/setup.py test
	python3 -m venv build/clients
	build/clients/bin/pip install --quiet $(COMPAT_CLIENTS)
	COMPAT_PYTHON=$(CURDIR)/build/clients/bin/python $(PY) -m pytest tests/compat/test_clients.py -o timeout=300

lint:
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf .venv out .mypy_cache .ruff_cache .pytest_cache
