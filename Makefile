# What a newcomer needs: `make demo` runs the server with a phone page and two users, `make test` runs the tests.
# Everything they make lives in .venv, .demo and the page's bundle; `make clean` removes it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

WEB := oversip_tw/web
PAGE := $(WEB)/static/bundle/.built
PAGE_SOURCES := $(shell find $(WEB) -type f -not -path '*/node_modules/*' -not -path '*/bundle/*' -not -name '*.py*')

# every test but those of tests/system, which need programs and sockets
UNIT := $(filter-out tests.system tests.__init__ tests.__pycache__,$(subst /,.,$(basename $(wildcard tests/*))))

# make demo DEMO_PASSWORD=... PORT_BASE=... ADDRESSES="192.0.2.7 2001:db8::7"
export DEMO_PASSWORD PORT_BASE ADDRESSES

.PHONY: demo test unit lint types reference bench page native pure clean programs

demo: $(VENV)/.installed page
	@exec $(BIN)/python -m oversip_tw.demo

test: $(VENV)/.tests page
	$(BIN)/python -m twisted.trial tests

unit: $(VENV)/.tests
	$(BIN)/python -m twisted.trial $(UNIT)

lint: $(VENV)/.lint
	$(BIN)/python -m ruff check .

types: $(VENV)/.lint
	$(BIN)/python -m mypy

# docs/reference: configuration.md, api.md, openapi.json; and etc/oversip.toml, made from the code
reference: $(VENV)/.installed
	$(BIN)/python -m oversip_tw.config.reference
	$(BIN)/python -m oversip_tw.service.api.reference

# the compiled build in place (docs/explanation/two-builds.md); what is edited afterwards wants it again
native: $(VENV)/.native
	OVERSIP_NATIVE=1 $(BIN)/python setup.py --quiet build_ext --inplace
	@echo "compiled; edits in oversip_tw do not show before \`make native\` or \`make pure\`" >&2

# back to Python
pure:
	@rm -f oversip_tw__mypyc*.so
	@find oversip_tw -name '*.so' -not -path '*/node_modules/*' -delete

# ours beside Kamailio and an echo, BENCH="--quick" and the like: docs/howto/measure.md
# of what is shipped, which is compiled
bench: $(VENV)/.bench native
	$(BIN)/python -m bench $(BENCH)

# The phone page, where Node.js is there to bundle it; the server runs without.
page:
	@if ! test -f $(WEB)/package.json; then :; \
	elif ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; then \
	  echo "no phone page: needs Node.js 18 or newer with npm (apt install nodejs npm), then make again" >&2; \
	else $(MAKE) --no-print-directory --silent $(PAGE) || echo "no phone page: npm failed, see above" >&2; fi

$(PAGE): $(PAGE_SOURCES)
	@echo "bundling the phone page" >&2
	@cd $(WEB) && npm ci --silent --no-audit --no-fund && npm run --silent build
	@touch $@

programs:
	@command -v $(PYTHON) >/dev/null || { echo "needs Python 3.11 or newer (apt install python3)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "needs Python 3.11 or newer; $(PYTHON) is older (name another: make PYTHON=python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "needs venv (apt install python3-venv)" >&2; exit 1; }

$(BIN)/python: | programs
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	@echo "installing the package into $(VENV)" >&2
	@$(PIP) --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.installed
	@echo "installing what the tests need" >&2
	@$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.installed
	@$(PIP) --editable '.[lint]'
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	@$(PIP) --editable '.[bench]'
	@touch $@

$(VENV)/.native: $(VENV)/.installed
	@$(PIP) 'setuptools>=68' 'mypy>=2.3'
	@touch $@

clean: pure
	rm -rf $(VENV) .demo bench-results _trial_temp* build dist *.egg-info $(WEB)/static/bundle $(WEB)/node_modules
