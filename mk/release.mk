# What contributors and releases need in addition. docs/maintain.md says how to make a release.

RELEASE := build/release
SBOM := build/sbom
SYFT := $(VENV)/syft
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: version-set
version-set: ## write the version into every file that names it (VERSION=1.2.3)
	@$(PYTHON) -m mk.release version '$(VERSION)'

.PHONY: registry-set
registry-set: ## let the files pull the images from a registry (REGISTRY=ghcr.io/you; empty: build them)
	@$(PYTHON) -m mk.release registry '$(REGISTRY)'

.PHONY: lint-workflows
lint-workflows: $(VENV)/dev ## check what GitHub and Renovate read (with Go installed, also by actionlint)
	@$(PY) -m check_jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(PY) -m check_jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@$(PY) -m check_jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	@$(PY) -m check_jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(PY) -m check_jsonschema --quiet --builtin-schema vendor.renovate .github/renovate.json
	@if command -v go >/dev/null; then go run $(ACTIONLINT); \
	  else echo "actionlint is skipped, because Go is not installed" >&2; fi

.PHONY: licenses
licenses: $(VENV)/dev ## list the licenses of all dependencies; fail if pyproject.toml does not allow one
	@$(VENV)/bin/pip-licenses --python $(PY) $(ARGS)

$(SYFT)/installed: requirements/syft.txt $(VENV)/uv
	@$(UV) venv --quiet --clear $(SYFT)
	@$(UV) pip install --quiet --python $(SYFT)/bin/python --require-hashes -r requirements/syft.txt
	@touch $@

.PHONY: sbom
sbom: $(SYFT)/installed ## write an SBOM of each image that make images built into build/sbom
	@mkdir -p $(SBOM)
	@for image in $(LOADED); do \
	  name=$${image##*/}; $(SYFT)/bin/syft scan --quiet docker:$$image --output spdx-json=$(SBOM)/$${name%%:*}.spdx.json || exit; \
	done

.PHONY: wheel
wheel: $(VENV)/dev ## build the Python package into build/wheel
	@$(UV) build --quiet --wheel --no-build-isolation --no-create-gitignore --python $(PY) --clear --out-dir build/wheel

.PHONY: release-check
release-check: ## say whether a tag names the version, and the changelog has its date and describes it (TAG=v1.2.3)
	@test '$(TAG)' = 'v$(call BAKED,VERSION)' || \
	  { echo "TAG: '$(TAG)' is not v$(call BAKED,VERSION): run make version-set, commit, and tag again" >&2; exit 1; }
	@grep -Eq '^## \[$(call BAKED,VERSION)\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$$' CHANGELOG.md || \
	  { echo "CHANGELOG.md has no heading with a date for $(call BAKED,VERSION): write ## [$(call BAKED,VERSION)] - $$(date +%Y-%m-%d)" >&2; exit 1; }
	@$(MAKE) --no-print-directory release-notes | grep -q '^- ' || \
	  { echo "CHANGELOG.md says nothing about $(call BAKED,VERSION): add a section for it" >&2; exit 1; }

.PHONY: release-notes
release-notes: ## print what CHANGELOG.md says about the version
	@awk '/^(## |\[)/ {wanted = ($$2 == "[$(call BAKED,VERSION)]"); next} wanted' CHANGELOG.md

.PHONY: release-files
release-files: wheel ## write the files of a release into build/release (needs helm; after make registry-set)
	@rm -rf $(RELEASE) && mkdir -p $(RELEASE)
	@helm package chart --destination $(RELEASE)
	@cp build/wheel/*.whl $(RELEASE)
	@tar --create --gzip --file $(RELEASE)/compose.tar.gz \
	  compose.yaml compose.observability.yaml compose chart/files/rules.yaml chart/files/dashboard.json
	@for file in k8s/*.yaml; do echo ---; cat "$$file"; done > $(RELEASE)/k8s.yaml
	@cd $(RELEASE) && sha256sum * > SHA256SUMS
