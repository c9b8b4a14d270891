# What a release needs. CONTRIBUTING.md says how to make one.

.PHONY: version-set
version-set: ## write the version into every file that names it (VERSION=1.2.3)
	@$(PYTHON) -m mk.release version '$(VERSION)'

.PHONY: registry-set
registry-set: ## let the files pull the images from a registry (REGISTRY=ghcr.io/you; empty: build them)
	@$(PYTHON) -m mk.release registry '$(REGISTRY)'
