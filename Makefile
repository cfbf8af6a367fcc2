# Everything installs into .venv; PYTHON chooses another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Where pip finds no CPU build of torch it takes the CUDA build (several GB); to choose a source of your own:
# make demo PIP_FLAGS='--index-url …' or '--find-links …'
PIP_FLAGS ?=
MINUTES ?= 1
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_FLAGS)

.PHONY: demo test check audit browser soak fuzz lint clean

demo: $(STAMP)  ## Install, fetch a small model, compare it with the adapter that comes with it, train a short one
	@mkdir -p demo
	cd demo && ../$(BIN)/entailbench finetune quick --overwrite
	cd demo && ../$(BIN)/entailbench models show quick
	cd demo && ../$(BIN)/entailbench run --models base,lora --limit 150
	@echo
	@echo "Next: ask your own model the same questions: $(BIN)/entailbench init, then edit entailbench.toml (README.md, \"Your own models\")."

check: $(STAMP)  ## Lint, type check, and ask whether a version in constraints.txt has a known vulnerability
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/python .ci/audit.py

audit: $(STAMP)  ## Ask whether a version in constraints.txt has a known vulnerability; fails where nobody can be asked
	@$(BIN)/python .ci/audit.py --require

test: check  ## Install (Chromium too, for the report's page), then check and run all tests
	@tests/browser/install.sh
	@# Two tests at a time, each on one core: most of them wait for one process that imports something large.
	$(BIN)/python -m pytest -n 2 tests/logic
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/logic

browser: $(STAMP)  ## Install Chromium where there is none, and run the browser tests alone
	@tests/browser/install.sh
	$(BIN)/python -m pytest tests/browser

soak: $(STAMP)  ## Run the long forms of tests (docs/reliability.md)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m soak --timeout 3600

fuzz: $(STAMP)  ## Fuzz every reader for MINUTES each (1 if not said); TARGET=config chooses one
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/long.py --minutes $(MINUTES) $(if $(TARGET),--target $(TARGET))

lint: $(STAMP)  ## Mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) torch==2.13.0
	@$(INSTALL) -e '.[all,dev]'
	@touch $@

clean:
	rm -rf $(VENV) runs checkpoints exports demo build dist
