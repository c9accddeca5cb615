# make help lists the commands. Everything is installed into .venv, at the versions of constraints.txt.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
export TORCH_INDEX ?=
BIN := .venv/bin
NOTEBOOKS := $(wildcard book/*.ipynb)
BROWSER := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# tests run side by side, one thread each, file by file in their order: notebooks first, so that no long one is last.
# Those of the site wait for Chromium half of their time.
JOBS ?= 2
PAGES ?= 4
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
BY_FILE := -n $(JOBS) --dist loadfile --no-loadscope-reorder
BROWSE := $(PYTEST) -n $(PAGES) --dist load -m browser tests/browser
export PYTHONHASHSEED := 0
# threads that wait by spinning slow each other tenfold on a busy machine; no digit depends on it
export OMP_WAIT_POLICY ?= PASSIVE

ifdef COMPANION_DATA
export COMPANION_DATA := $(abspath $(COMPANION_DATA))
endif

PORT ?= 8000

# mutants: the areas to plant slips in, all by default, and how many in each
AREAS ?=
PLANTED ?=

# fuzz: the readers, all by default, and how many files each is given
READER ?=
INPUTS ?= 1000000

# bench: another commit of this repository that takes turns with the present one
BASE ?=

# coursework: the names to build, the file with the class's secret, and the assignment of the sample class
NAMES ?=
SEED_FILE ?=
ASSIGNMENT ?= surgery
SAMPLE := _build/sample-class

.PHONY: help book serve pdf test style units test-site lab test-lab test-full notebooks notebooks-check bench scale soak mutants fuzz assignments sample-class clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | while IFS='|' read -r a b; do printf '  make %-16s %s\n' "$$a" "$$b"; done

.venv/ready: pyproject.toml coursework/pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no python3 on the path: install Python 3.11 or newer"; exit 1; }
	@"$(PYTHON)" scripts/preflight.py
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt -e '.[book,test]' -e ./coursework
	@touch $@

# of MathJax what sets TeX as HTML with hidden MathML: neither its menu nor its speech
MATHJAX := site/node_modules/mathjax/es5
site/vendor/mathjax: site/package-lock.json
	@rm -rf $@ $@.part; mkdir -p $@.part/output $@.part/input $@.part/a11y
	@if npm ci --prefix site --silent --ignore-scripts --no-audit --no-fund \
	  && cp $(MATHJAX)/startup.js $(MATHJAX)/core.js $@.part && cp $(MATHJAX)/a11y/assistive-mml.js $@.part/a11y \
	  && cp -r $(MATHJAX)/output/chtml.js $(MATHJAX)/output/chtml $@.part/output && cp -r $(MATHJAX)/input/tex.js $(MATHJAX)/input/tex $@.part/input; \
	then mv $@.part $@; else rm -rf $@.part; echo "MathJax is not installed here: the pages will fetch it from jsdelivr.net"; fi

book: .venv/ready site/vendor/mathjax  ## build the site from the stored notebooks into _build/html
	$(BIN)/jupyter-book build . --path-output . --builder html -W -n --keep-going --quiet
	@echo "The book: file://$(CURDIR)/_build/html/index.html"

serve: book  ## build the site, and serve it to a browser on this machine
	@echo "The book: http://localhost:$(PORT)/ (Ctrl+C stops it)"
	@$(BIN)/python -m http.server --bind localhost --directory _build/html $(PORT)

pdf:  ## the book as a PDF, by xelatex, in _build/latex/book.pdf; then the site links it
	@test -n "$(PYTHON)" || { echo "no python3 on the path: install Python 3.11 or newer"; exit 1; }
	@"$(PYTHON)" scripts/latex.py
	@$(MAKE) --no-print-directory .venv/ready
	$(BIN)/jupyter-book build . --path-output . --builder latex -W -n --keep-going --quiet
	@cd _build/latex && latexmk -xelatex -silent -interaction=nonstopmode -halt-on-error book.tex >book.out.txt 2>&1 \
	  || { grep -A4 '^!' book.log; echo "xelatex stopped: see _build/latex/book.log"; exit 1; }
	@$(MAKE) --no-print-directory book
	@echo "The PDF: $(CURDIR)/_build/latex/book.pdf"

test: .venv/ready  ## style, types, unit tests, doctests, every notebook run anew, and the site
	@$(MAKE) --no-print-directory -j3 style units $(if $(BROWSER),book)
	$(if $(BROWSER),$(BROWSE),@echo "no Chromium on the path: make test-site was left out")

style: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

units: .venv/ready
	$(PYTEST) $(BY_FILE) --nbval-lax --nbval-current-env --nbval-cell-timeout=600

test-site: book  ## every page of the site in Chromium, with the network off
	$(BROWSE)

.venv/lab: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lab]'
	@touch $@

lab: .venv/lab  ## the pages in JupyterLab, as they are written, to read, run and change
	@$(BIN)/jupyter-trust book/*.ipynb >/dev/null
	$(BIN)/jupyter-lab --config=scripts/jupyter_config.py --LabApp.default_url=/lab/tree/book/tour.ipynb

test-lab: .venv/lab  ## pages and plain notebooks opened by JupyterLab in Chromium
	$(PYTEST) -m lab tests/browser

test-full: test notebooks-check  ## make test, and what takes longer
	$(PYTEST) $(BY_FILE) -m "full or verifies" --hypothesis-profile=full

notebooks: .venv/ready  ## run the notebooks and store their outputs, the same bytes each time
	$(BIN)/python scripts/notebooks.py $(NOTEBOOKS)

notebooks-check: .venv/ready  ## run the notebooks and compare with the stored outputs, numbers within a tolerance
	$(BIN)/python scripts/notebooks.py --check $(NOTEBOOKS)

_build/pythae/ready: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(@D) pythae==0.1.2
	@touch $@

bench: _build/pythae/ready  ## measure speed beside pythae into book/results/speed.csv, on a quiet machine; BASE=... to compare with a commit
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench.py $(if $(BASE),--base $(BASE))

scale: .venv/ready  ## measure what several workers bring, and simulate a cluster, on a quiet machine
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/cluster.py

soak: .venv/ready  ## disturb every command that writes, a hundred kills and more, into book/results/soak.csv; as root also on full disks
	PYTHONPATH=scripts OMP_NUM_THREADS=1 TQDM_DISABLE=1 $(BIN)/python -m soak

mutants: .venv/ready  ## plant small slips in the code that computes and count those no test notices; AREAS=... PLANTED=...
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt mutmut==3.8.1
	OMP_NUM_THREADS=1 $(BIN)/python scripts/mutants.py $(if $(PLANTED),--sample $(PLANTED)) $(AREAS)

fuzz: .venv/ready  ## give every reader a million changed files into book/results/fuzz.csv, on Linux; READER=... INPUTS=...
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt atheris || echo "atheris is not installed here: a plain loop changes the files"
	OMP_NUM_THREADS=1 $(BIN)/python scripts/fuzz.py $(if $(READER),--reader $(READER)) --inputs $(INPUTS)

assignments: .venv/ready  ## student notebooks, solutions and autograders into _build/assignments; SEED_FILE=... for Gradescope
	$(BIN)/python coursework/scripts/build_assignments.py $(if $(SEED_FILE),--seed-file $(SEED_FILE)) $(NAMES)

sample-class: .venv/ready  ## grade a made-up class, after make assignments, into _build/sample-class
	$(BIN)/python coursework/scripts/sample_class.py $(ASSIGNMENT) $(SAMPLE)/submissions
	@chmod 700 $(SAMPLE); umask 077; test -s $(SAMPLE)/seed.txt || $(BIN)/python -c 'import secrets; print(secrets.token_hex())' >$(SAMPLE)/seed.txt
	flags=$$($(BIN)/python coursework/scripts/sample_class.py --flags) && $(BIN)/python -m elbo_coursework grade $(SAMPLE)/submissions --assignment $(ASSIGNMENT) --seed-file $(SAMPLE)/seed.txt --out $(SAMPLE)/graded/$(ASSIGNMENT) --jobs $(JOBS) $$flags
	@echo "The summary: file://$(CURDIR)/$(SAMPLE)/graded/$(ASSIGNMENT)/summary.html"

clean:  ## remove the site, the environment and the caches of the tools
	rm -rf .venv _build mutants site/vendor site/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info coursework/*.egg-info
