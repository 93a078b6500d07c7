# Millstream. `make run` and `make test` are all that is needed: each sets up what it lacks.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run serve web kafka mlflow airflow test test-long test-browser test-whole test-all test-night chaos lint bench samples reset java

VENV := .venv
PYTHON := $(VENV)/bin/python
AIRFLOW := .venv-airflow
# One process of tests keeps two cores busy half of the time: it waits for Java to start, for timers, for the disk.
PYTEST := $(PYTHON) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder
# Seconds of a step, as the program itself shows them.
DONE = awk -v name="$(1)" -v from="$$begun" -v to="$$(date +%s.%N)" 'BEGIN { printf "%-12s %7.1f s  %s\n", name, to - from, "$(2)" }'

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

run: $(VENV)/.pipeline java ## Simulate sales and run on them; INPUT=PATH: on your own files; SOURCE=kafka: through a broker
	@case "$$SOURCE:$$INPUT" in \
	kafka:) $(PYTHON) -m kafka_producer demo;; \
	:|files:) \
		data="$$($(PYTHON) -m spark_app settings data_dir)/demo" && begun=$$(date +%s.%N) && \
		said="$$($(PYTHON) -m kafka_producer simulate --to files --inbox "$$data/inbox")" && echo "$$said" && \
		$(call DONE,simulate,) && \
		MILLSTREAM_DATA_DIR="$$data" $(PYTHON) -m spark_app run;; \
	:*|files:*) $(PYTHON) -m spark_app run --input "$$INPUT";; \
	*) echo "error: SOURCE=$$SOURCE INPUT=$$INPUT, expected SOURCE=kafka alone, or INPUT=PATH" >&2; (exit 2);; \
	esac; code=$$?; [ $$code -eq 3 ] || exit $$code

serve: $(VENV)/.serve ## Answer over HTTP what was published, until Ctrl-C; PORT=8000, and /docs shows what can be asked
	@data="$$($(PYTHON) -m spark_app settings data_dir)" || exit $$?; \
	[ -e "$$data/generations/LATEST" ] || [ ! -e "$$data/demo/generations/LATEST" ] || data="$$data/demo"; \
	MILLSTREAM_DATA_DIR="$$data" exec $(PYTHON) -m spark_app serve $${PORT:+--port "$$PORT"}

web: $(VENV)/.serve ## Show the page, and serve beside it what was published, until Ctrl-C; PORT=8501
	@data="$$($(PYTHON) -m spark_app settings data_dir)" || exit $$?; \
	[ -e "$$data/generations/LATEST" ] || [ ! -e "$$data/demo/generations/LATEST" ] || data="$$data/demo"; \
	MILLSTREAM_DATA_DIR="$$data" exec $(PYTHON) -m spark_app web $${PORT:+--port "$$PORT"}

kafka: $(VENV)/.pipeline java ## Run a Kafka broker until Ctrl-C, without Docker
	@$(PYTHON) -m kafka_producer broker run

mlflow: $(VENV)/.extras ## Open MLflow's page of the runs logged with MILLSTREAM_MLFLOW_URI=sqlite; PORT=5000
	@data="$$($(PYTHON) -m spark_app settings data_dir)" || exit $$?; \
	for home in "$$data" "$$data/demo" ""; do [ ! -e "$$home/mlflow/mlflow.db" ] || break; done; \
	[ -n "$$home" ] || { echo "nothing is logged in $$data yet: MILLSTREAM_MLFLOW_URI=sqlite make run logs what it trains"; exit 1; }; \
	store="$$(cd "$$home/mlflow" && pwd -P)" && echo "$$store/mlflow.db is shown at http://127.0.0.1:$${PORT:-5000}, until Ctrl-C"; \
	export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false PYTHONWARNINGS=ignore; \
	$(PYTHON) -m mlflow server --host 127.0.0.1 --port "$${PORT:-5000}" --workers 1 --uvicorn-opts "--log-level warning" \
		--backend-store-uri "sqlite:///$$store/mlflow.db" --artifacts-destination "$$store/artifacts" & \
	trap : INT; trap 'kill $$!' TERM; wait $$! || wait $$!

airflow: $(AIRFLOW)/.airflow $(VENV)/.pipeline java ## Run Airflow with dags/ on this machine, until Ctrl-C; PORT=8080
	@data="$$($(PYTHON) -m spark_app settings data_dir)" || exit $$?; \
	[ -e "$$data/generations/LATEST" ] || [ ! -e "$$data/demo/generations/LATEST" ] || data="$$data/demo"; \
	mkdir -p "$$data" && data="$$(cd "$$data" && pwd -P)" && home="$$data/airflow" port="$${PORT:-8080}" && mkdir -p -m 700 "$$home"; \
	export PATH="$$PWD/$(AIRFLOW)/bin:$$PATH" MILLSTREAM_DATA_DIR="$$data" AIRFLOW_HOME="$$home" \
		AIRFLOW__CORE__DAGS_FOLDER="$$PWD/dags" AIRFLOW__CORE__LOAD_EXAMPLES=false AIRFLOW__CORE__PARALLELISM=2 \
		AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE="$$home/passwords.json" \
		AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__API__PORT="$$port" AIRFLOW__API__BASE_URL="http://127.0.0.1:$$port" \
		AIRFLOW__API__WORKERS=1 AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=false; \
	airflow db migrate >/dev/null || exit $$?; \
	echo "Airflow works in $$data, and shows it at http://127.0.0.1:$$port; $$home/passwords.json has the password of admin"; \
	trap 'kill $$(jobs -p) 2>/dev/null' INT TERM; \
	for part in api-server dag-processor "scheduler --skip-serve-logs"; do airflow $$part & done; \
	wait -n; code=$$?; kill $$(jobs -p) 2>/dev/null; wait; exit $$code

test: $(VENV)/.dev java ## Run the tests
	@$(PYTEST) -m "not slow and not whole and not chaos and not browser"

test-long: $(VENV)/.dev java ## Run the tests that take longer: a stream that trains, lists that win
	@$(PYTEST) -m "slow and not night and not whole and not chaos and not browser"

test-whole: $(VENV)/.dev $(AIRFLOW)/.airflow java ## Run what goes from end to end: a cluster that loses a worker, Airflow, a copy and back
	@$(PYTEST) -m whole

test-browser: $(VENV)/.dev java ## Run the tests of the page in Chromium; without one they are skipped
	@$(PYTHON) -m pytest -q -m browser

test-night: $(VENV)/.dev java ## Run what takes longest, and shows more cases of what other tests show
	@$(PYTEST) -m night

test-all: lint test test-browser $(AIRFLOW)/.airflow ## Run all but test-night
	@$(PYTEST) -m "(slow or whole or chaos) and not night"

chaos: $(VENV)/.dev java ## Kill, damage and refill it; ends with a table of what that cost
	@$(PYTEST) -m chaos

lint: $(VENV)/.dev ## Check style and types
	@$(PYTHON) -m ruff check . && $(PYTHON) -m mypy

bench: $(VENV)/.dev java ## Measure top-N beside MLlib's own, and sending beside kafka-python's
	@$(PYTHON) -m benchmarks.topn && $(PYTHON) -m benchmarks.produce

samples: $(VENV)/.pipeline java ## Redraw docs/images from the seeded simulation
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	MILLSTREAM_DATA_DIR="$$home/data" MILLSTREAM_RESULTS_DIR="$$home/results" $(MAKE) --no-print-directory run INPUT= && \
	$(PYTHON) -m kafka_producer simulate --groups 5 --users 400 --inbox "$$home/groups/inbox" && \
	export MILLSTREAM_DATA_DIR="$$home/groups" MILLSTREAM_RESULTS_DIR="$$home/segments" && \
	$(PYTHON) -m spark_app ingest && $(PYTHON) -m spark_app segments && \
	$(PYTHON) -m kafka_producer simulate --groups 8 --users 400 --posts 4000 --inbox "$$home/posts/inbox" && \
	export MILLSTREAM_DATA_DIR="$$home/posts" MILLSTREAM_RESULTS_DIR="$$home/interests" && \
	$(PYTHON) -m spark_app ingest && $(PYTHON) -m spark_app interests && \
	mkdir -p docs/images && cp "$$home"/results/*.png "$$home"/segments/*.png "$$home"/interests/*.png docs/images/

reset: $(VENV)/.pipeline ## Ask, then empty the data folder; YES=1 does not ask
	@data="$$($(PYTHON) -m spark_app settings data_dir)"; \
	[ -d "$$data" ] || { echo "$$data does not exist: nothing to empty"; exit 0; }; \
	case "$$(cd "$$data" && pwd -P)" in /|"$$(cd ~ && pwd -P)"|"$$(pwd -P)") echo "error: $$data is no data folder"; exit 1;; esac; \
	[ -n "$$YES" ] || read -r -p "Empty $$data ($$(du -sh "$$data" | cut -f1)), all events and generations in it? [y/N] " answer; \
	if [ -n "$$YES" ] || [ "$$answer" = y ]; then \
		[ ! -e "$$data/kafka/pid" ] || $(PYTHON) -m kafka_producer broker stop; \
		find "$$data" -mindepth 1 -delete && echo "$$data is empty"; \
	else echo "nothing was deleted"; fi

java: $(VENV)/.pipeline
	@$(PYTHON) -m spark_app doctor --install-java >$(VENV)/.java || { cat $(VENV)/.java; exit 1; }
	@grep -v '^Java:' $(VENV)/.java || true

$(VENV)/.pipeline: requirements.txt | $(PYTHON)
	@$(call INSTALL,requirements.txt)
	@touch $@

$(VENV)/.serve: requirements-serve.txt requirements.txt | $(PYTHON)
	@$(call INSTALL,requirements-serve.txt)
	@touch $@ $(VENV)/.pipeline

$(VENV)/.extras: requirements-extras.txt requirements.txt | $(PYTHON)
	@$(call INSTALL,requirements-extras.txt)
	@touch $@ $(VENV)/.pipeline

$(VENV)/.dev: requirements-dev.txt requirements-extras.txt requirements-serve.txt requirements.txt | $(PYTHON)
	@$(call INSTALL,requirements-dev.txt)
	@touch $@ $(VENV)/.extras $(VENV)/.serve $(VENV)/.pipeline

$(AIRFLOW)/.airflow: PYTHON := $(AIRFLOW)/bin/python
$(AIRFLOW)/.airflow: requirements-airflow.txt
	@$(MAKE) --no-print-directory VENV=$(AIRFLOW) $(AIRFLOW)/bin/python
	@$(call INSTALL,requirements-airflow.txt)
	@touch $@

INSTALL = begun=$$(date +%s.%N); \
	if command -v uv >/dev/null; then uv pip install -q --python $(PYTHON) -r $(1); \
	else $(PYTHON) -m pip install -qq --disable-pip-version-check -r $(1); fi && $(call DONE,install,$(1))

$(PYTHON):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || command -v uv >/dev/null || \
		{ echo "error: Python 3.11 or later is needed, and python3 is $$(python3 --version 2>&1)"; exit 1; }
	@if command -v uv >/dev/null; then uv venv -q --python '>=3.11' $(VENV); \
	elif ! python3 -m venv $(VENV) >$(VENV).log 2>&1; then \
		rm -rf $(VENV); line="apt-get install -y python3-venv"; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "no venv module: installing it ($$line)"; apt-get update -qq && $$line -qq >/dev/null && python3 -m venv $(VENV); \
		else cat $(VENV).log; echo "error: no virtual environment could be made; try: sudo $$line"; rm -f $(VENV).log; exit 1; fi; \
	fi; rm -f $(VENV).log
