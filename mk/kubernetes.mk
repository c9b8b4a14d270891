# Manifests, the cluster's images, and the tests on a real cluster. They take kubectl, helm and
# docker from PATH, and the cluster from KUBECONFIG. LOAD is the command that gives the cluster
# images of this engine: with it, the tests load what they need, also a second tag to upgrade to.

CLUSTER ?= kind
BAKED = $(shell sed -n '/variable "$(1)"/,/}/s/.*default = "\(.*\)"/\1/p' docker-bake.hcl)
IMAGE_PREFIX = $(addsuffix /,$(or $(REGISTRY),$(call BAKED,REGISTRY)))
LOADED = $(foreach service,vote worker result seed postgres,$(IMAGE_PREFIX)voting-$(service):$(or $(VERSION),$(call BAKED,VERSION)))

.PHONY: manifests
manifests: $(VENV)/dev ## render k8s/ and what the chart shares with kustomize/ (needs kubectl)
	@$(PY) mk/render.py
	@$(PY) chart/readme.py

.PHONY: manifests-check
manifests-check: $(VENV)/dev ## say whether what make manifests renders is up to date
	@$(PY) mk/render.py --check
	@$(PY) chart/readme.py --check

.PHONY: load
load: ## give the cluster the images that make images built (CLUSTER=kind|minikube|k3d)
	@sh mk/load.sh '$(CLUSTER)' $(LOADED)

.PHONY: e2e-cluster
e2e-cluster: $(VENV)/dev browser ## test all installation methods on the cluster of KUBECONFIG (LOAD="kind load docker-image", ARGS="-k name")
	@CHROMIUM='$(CHROMIUM)' $(PY) -m pytest tests/e2e/cluster $(ARGS)
