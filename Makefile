# make demo and make test set up all they need; see CONTRIBUTING.md for the rest.
.PHONY: setup setup-tests demo test check fast acceptance bench docs drawings pictures wheel help
# One worker for each core; the tests of one file stay together, as they share machines.
# Some containers switch byte code caches off; without them pytest rewrites its tests each time.
PYTEST := PYTHONDONTWRITEBYTECODE= .venv/bin/pytest -n auto --maxprocesses 4 --dist loadfile

help:   ## list these targets
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup:  ## install missing Debian packages and make .venv
	@scripts/setup

setup-tests:
	@scripts/setup scripts/debian-packages-tests

demo: setup  ## build a Debian image, boot it, log in, say where the time went
	@scripts/demo

check: setup  ## types, lint, format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

fast: setup  ## the tests that boot nothing, open no browser and build no wheel
	$(PYTEST) -m "not boot and not browser and not wheel and not acceptance" --ignore=tests/browser \
		--hypothesis-profile=fast

test: setup-tests check  ## everything: checks, fast tests, a real browser, real boots
	$(PYTEST) -m "not acceptance"

acceptance: setup-tests  ## the long checks: all kill points, real searches, every disk and init with micro
	$(PYTEST) -m acceptance -v

bench: setup-tests  ## time our start-up, the initramfs, loop devices, snapshots, logs, pages; count a search's tests
	.venv/bin/python -m benchmarks.startup
	.venv/bin/python -m benchmarks.seed
	.venv/bin/python -m benchmarks.loops
	.venv/bin/python -m benchmarks.snapshots
	.venv/bin/python -m benchmarks.search
	.venv/bin/python -m benchmarks.verdicts
	.venv/bin/python -m benchmarks.kernellog
	.venv/bin/python -m benchmarks.pages

docs: setup .venv/docs drawings docs/pictures/before-after-light.svg  ## build the site into site/
	.venv/bin/python -m scripts.command_reference >docs/commands.md
	.venv/bin/zensical build --strict --clean --config-file mkdocs.yml

.venv/docs: pyproject.toml
	.venv/bin/python -m pip install -qq --disable-pip-version-check --editable '.[dev,docs]'
	@touch $@

drawings: setup  ## draw the pictures of docs that are made from the source
	.venv/bin/python -m scripts.pictures drawings

docs/pictures/before-after-light.svg:
	$(MAKE) pictures

pictures: setup  ## boot a Debian twice for README's picture; builds its image and kernel if missing
	.venv/bin/python -m scripts.pictures boots

wheel: setup  ## build a wheel into dist/
	.venv/bin/python -m pip wheel -qq --no-deps --wheel-dir dist .
