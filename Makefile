.PHONY: help setup demo test fuzz bench lint clean
PY := .venv/bin/python
OUT ?= out
EXAMPLES ?= 20000
# Several libraries start a thread pool each; on small machines they fight.
export OMP_NUM_THREADS ?= 2

help:
	@echo "make demo    six personas, spoken questions, spoken answers (sets itself up)"
	@echo "make test    lint, types and all tests (sets itself up)"
	@echo "make fuzz    the properties of tests/fuzz with EXAMPLES (20000) examples each (sets itself up)"
	@echo "make bench   prefix reuse, ours beside llama-server (sets itself up)"
	@echo "make setup   only the set-up, in .venv"

setup:
	@python3 scripts/setup.py run

demo:
	@python3 scripts/setup.py run
	$(PY) -m sensorium demo --out $(OUT)

test:
	@python3 scripts/setup.py test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest

fuzz:
	@python3 scripts/setup.py test
	FUZZ_EXAMPLES=$(EXAMPLES) $(PY) -m pytest tests/fuzz -o timeout=0

bench:
	@python3 scripts/setup.py test
	$(PY) -m sensorium bench prefix --personas 6
	$(PY) -m sensorium bench prefix --personas 14

lint:
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf .venv out .mypy_cache .ruff_cache .pytest_cache
