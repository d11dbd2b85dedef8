# Needs nothing but make and Python 3.11 or newer. Everything else goes into .venv, once.
#   make lab               the course in JupyterLab       (ARGS=--no-browser only prints the address)
#   make test              every check there is
#   make demo              the flagship's findings here, its picture and JSON in build/
#   make schema api bench  the generated files, the measurements
#   make book              the course as a static site    (build/book/index.html)
#   make widgets           the editor's program from its sources; this alone needs Node 18 or newer
# A certain Python: make lab PYTHON=/path/to/python3.12

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PY := .venv/bin/python
SAMPLE := support-assistant
ARGS ?=

.PHONY: book lab test demo schema api bench widgets clean

lab: .venv/.lab
	@$(PY) -m threatkit analyze $(SAMPLE) --top 3
	@echo
	@$(PY) -m threatkit lab $(ARGS)

test: .venv/.test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports
	find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' -exec $(PY) -m nbstripout --verify {} +
	$(PY) -m pytest -n auto --dist loadfile --ignore tests/browser --doctest-modules threatkit tests --nbval-lax notebooks $(ARGS)
	$(PY) -m pytest tests/browser $(ARGS) || [ $$? -eq 5 ]  # 5: ARGS chose none of them; alone, so that no browser waits for a busy core

demo: .venv/.lab
	@mkdir -p build
	@$(PY) -m threatkit analyze $(SAMPLE)
	@$(PY) -m threatkit analyze $(SAMPLE) --json > build/$(SAMPLE).json
	@echo
	@$(PY) -m threatkit draw $(SAMPLE) -o build/$(SAMPLE).svg
	@$(PY) -m threatkit draw $(SAMPLE) -o build/$(SAMPLE).png
	@echo build/$(SAMPLE).json: the findings as JSON

book: .venv/.lab
	@$(PY) docs/make_book.py $(ARGS)

schema: .venv/.lab
	$(PY) docs/make_schema.py

api:
	"$(PYTHON)" docs/make_api.py

bench: .venv/.test
	@for f in benchmarks/[a-z]*.py; do m=$$(basename "$$f" .py); echo "benchmarks.$$m"; \
		$(PY) -m "benchmarks.$$m" $(ARGS) || exit 1; done

widgets:
	cd threatkit/widgets/src && npm ci --silent && npm run --silent build

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up. A stamp says that a step is done; editing pyproject.toml makes it due again.
.venv/.made:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer with venv was found. Debian and Ubuntu: apt install python3-venv." >&2; \
		echo "Or name one: make lab PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	"$(PYTHON)" -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@touch $@

.venv/.lab: .venv/.made pyproject.toml
	@echo "Installing threatkit and JupyterLab into .venv; the first time this takes a minute or two."
	$(PY) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.test: .venv/.lab
	$(PY) -m pip install --quiet --disable-pip-version-check --group test "hatchling>=1.26"
	@touch $@
