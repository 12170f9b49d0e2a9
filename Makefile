.DEFAULT_GOAL := help
.PHONY: help run reset test check fmt bench evidence services lock
export PYTHONDONTWRITEBYTECODE =
supervisor := include/tradeops/entrypoints/supervisor
bin := .venv/bin

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## start Airflow and take the bundled market data through it (ONCE=1: end when done)
	@python3 $(supervisor)/preflight.py "$(or $(TRADEOPS_STATE_DIR),.tradeops)" "$(or $(TRADEOPS_AIRFLOW_PORT),8090)" "$(or $(TRADEOPS_REGISTRY_PORT),5000)"
	@.ci/sync_environment run
	@exec $(bin)/python -m tradeops.entrypoints.supervisor $(if $(ONCE),--once) --with-parent

reset: ## remove the state folder of `make run` (refused while a run lives)
	@.ci/sync_environment run
	@exec $(bin)/python -m tradeops.entrypoints.supervisor --reset

test: ## run every test that this machine can run, with coverage
	@.ci/sync_environment dev
	@$(bin)/coverage erase
	@$(bin)/coverage run -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --ignore tests/end_to_end
	@$(bin)/coverage run -m pytest tests/end_to_end
	@$(bin)/coverage combine --quiet && $(bin)/coverage report

check: ## formatting, lint, types, import contracts, secrets
	@.ci/sync_environment dev
	@$(bin)/ruff format --check .
	@$(bin)/ruff check .
	@$(bin)/mypy
	@$(bin)/lint-imports
	@git ls-files -z | xargs -0 $(bin)/detect-secrets-hook --baseline .secrets.baseline

fmt: ## format the source, fix what ruff can fix, draw docs/graphs/*.mmd anew
	@.ci/sync_environment dev
	@$(bin)/ruff check --fix-only --quiet .
	@$(bin)/ruff format .
	@$(bin)/python -m tests.golden.draw_graphs

bench: ## measure the figures of benchmarks/goals.toml: goal, measured, ratio, met
	@.ci/sync_environment dev
	@$(bin)/python -m benchmarks

evidence: ## write docs/evidence/*.json: kills, faults, an oracle; tells all faults in one table (N=1000: random kills; resumes)
	@.ci/sync_environment dev
	@$(bin)/python -m tests.evidence $(if $(N),--kills $(N))

services: ## start the real servers that tests use, for a developer, until Ctrl-C
	@.ci/sync_environment dev
	@exec $(bin)/python -m tests.servers

lock: ## resolve requirements.lock and requirements-dev.lock anew
	@.ci/sync_environment dev
	@$(bin)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	@$(bin)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
