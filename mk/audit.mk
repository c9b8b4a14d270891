# checkov has an environment of its own: what it needs does not go with what the services need.
AUDIT := build/audit
AUDITOR := $(VENV)/audit

$(AUDITOR)/installed: requirements/audit.txt $(VENV)/uv
	@$(UV) venv --quiet --clear $(AUDITOR)
	@$(UV) pip install --quiet --python $(AUDITOR)/bin/python --require-hashes -r requirements/audit.txt
	@touch $@

.PHONY: audit
audit: $(VENV)/dev $(AUDITOR)/installed ## have checkov judge manifests, chart, Dockerfiles and what looks like a secret
	@$(PY) -m tests.deploy.audit $(AUDIT)
	@$(AUDITOR)/bin/checkov --config-file .checkov.yaml --framework kubernetes -d $(AUDIT)
	@$(AUDITOR)/bin/checkov --config-file .checkov.yaml --framework dockerfile secrets -d . \
	  --skip-path build --skip-path $(VENV)
