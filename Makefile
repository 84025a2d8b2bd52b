# make demo    from nothing to a page in the browser; a second call starts from what is there, an interrupted one goes on
# make test    all tests, on a real Neo4j server, the embedded store and a real browser
# make bench   what the performance claims rest on, in minutes. The long ones are called by name, with what they take:
#              make bench BENCH=kills; make bench BENCH=visual_genome ARGUMENTS="--path SLICE"
# make lint    ruff and mypy
# make screenshots   the pictures of the app in docs/, of the demo if it was made, else of a small world
# Each sets up what it needs; Python 3.11 or later and make are enough to begin with.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python

# Where the demo lives, and its scale: a smaller world or fewer steps for a faster look. One thread of torch's: its second
# only gets into the way of the one that makes the batches.
DEMO ?= demo
WORLD ?= --pictures 4096 --scenes 256 --seed 0
CLIP ?= --objective clip --steps 1300 --threads 1
KNOWLEDGE_CLIP ?= --steps 350 --batch-size 128 --fanout 2 --picture-share 0.3 --threads 1 \
	--shares IMAGE_OF=0.25,SYNONYM=0.37,IS_A=0.17,HAS_GLOSS=0.04,GLOSS_OF=0.05,DEPICTS=0.05,HAS_COLOUR=0.03
PREDICT ?= --relation IS_A --all-heads 400 --top 1 --most 200

# How many processes share the tests; each has a Neo4j server of its own and needs up to 3 GB.
WORKERS ?= 2

# The benchmarks that need no data, no server and no patience. The others: kills, loading, loading_neo4j, visual_genome.
BENCH ?= stores sampling projection waiting training

.PHONY: demo test bench screenshots lint clean-demo
.DELETE_ON_ERROR:

demo: $(DEMO)/.proposed
	@$(PY) -m app --store $(DEMO)/graph.db --runs $(DEMO)/runs --images world=$(DEMO)/world

test: .venv/.ready
	OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile $(TESTS)

bench: .venv/.ready
	@for name in $(BENCH); do echo "== $$name"; $(PY) -m benchmarks.$$name $(ARGUMENTS) || exit 1; done

screenshots: .venv/.ready
	$(PY) -m tests.screenshots --demo $(abspath $(DEMO))

lint: .venv/.ready
	$(PY) -m ruff check
	$(PY) -m mypy

clean-demo:
	rm -rf $(DEMO)

# The steps of the demo, each with a stamp. Order-only: a new version of a package does not throw away a trained model.
$(DEMO)/.loaded: | .venv/.ready
	@echo "1/5  The world: drawn, and loaded into $(DEMO)/graph.db"
	@mkdir -p $(DEMO)/runs
	@$(PY) -m ingest world --path $(DEMO)/world --store $(DEMO)/graph.db $(WORLD)
	@touch $@

$(DEMO)/.clip: | $(DEMO)/.loaded
	@echo "2/5  CLIP, on pictures and their captions"
	@$(PY) -m model.train --store $(DEMO)/graph.db --runs $(DEMO)/runs --name clip --resume auto $(CLIP)
	@touch $@

$(DEMO)/.knowledge-clip: | $(DEMO)/.clip
	@echo "3/5  Knowledge-CLIP, from that CLIP and with it as the teacher, on the whole graph"
	@$(PY) -m model.train --store $(DEMO)/graph.db --runs $(DEMO)/runs --name knowledge-clip --init $(DEMO)/runs/clip --resume auto $(KNOWLEDGE_CLIP)
	@touch $@

$(DEMO)/.measured: | $(DEMO)/.knowledge-clip
	@echo "4/5  What both of them make of held-out pictures and of names that no caption contains"
	@$(PY) -m model.evaluate --store $(DEMO)/graph.db --run $(DEMO)/runs/clip --only names --threads 1
	@$(PY) -m model.evaluate --store $(DEMO)/graph.db --run $(DEMO)/runs/knowledge-clip --only names --threads 1
	@touch $@

$(DEMO)/.proposed: | $(DEMO)/.measured
	@echo "5/5  What the model proposes, for review in the app"
	@$(PY) -m model.predict --store $(DEMO)/graph.db --run $(DEMO)/runs/knowledge-clip --images world=$(DEMO)/world --write $(PREDICT) >/dev/null
	@touch $@

# pip brings uv, which installs the rest several times faster; where uv finds no way to the packages (a proxy or an index
# that only pip is told of), pip does it.
.venv/.ready: pyproject.toml constraints.txt
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed and was not found: install it, or name it (make PYTHON=/path/to/python3)." >&2; exit 2; }
	@echo "Installing the packages into .venv (3 GB, some minutes the first time)"
	@$(PYTHON) -m venv .venv || { echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: apt-get install python3-venv)." >&2; exit 2; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@UV_SYSTEM_CERTS=1 .venv/bin/uv pip install --compile-bytecode --python $(PY) --requirement pyproject.toml --extra dev --constraint constraints.txt \
		|| $(PY) -m pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@
