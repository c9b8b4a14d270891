# Docker: needs an engine with Compose 2.30 and buildx, and Python; .venv only for the tests.

# The commit becomes a label of the images.
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
images up: export REVISION := $(REVISION)

.PHONY: images
images: ## build the four images of the services (ARGS=vote, ARGS=release, ARGS=single: all in one)
	@docker buildx bake --file docker-bake.hcl $(ARGS)

.PHONY: up
up: ## start the whole system in Docker: vote on :8080, result on :8081 (ARGS="--scale vote=3")
	@docker compose up --build --detach --wait $(ARGS) || \
	  { docker compose logs --tail 5 --no-log-prefix secrets vote worker result; exit 1; }
	@$(PYTHON) -m standalone.address vote "$$(docker compose port nginx 8080)" result "$$(docker compose port nginx 8081)"

.PHONY: down
down: ## stop it and keep the votes (ARGS="--volumes" deletes them)
	@docker compose --profile seed down $(ARGS)

.PHONY: reset
reset: ## delete all votes of the system in Docker (ARGS=--yes confirms)
	@docker compose exec worker python -m worker --reset $(ARGS)

.PHONY: e2e-compose
e2e-compose: $(VENV)/dev ## test the system in Docker, from the build to crashes under load
	@$(PY) -m pytest tests/e2e/compose -q $(ARGS)
