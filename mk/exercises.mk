# The exercises of docs/exercises and docs/class.md. They take kubectl, helm and docker from PATH, the cluster from
# KUBECONFIG, and the images that make images built; LOAD is explained in kubernetes.mk.

.PHONY: e2e-exercises
e2e-exercises: $(VENV)/dev ## run the exercises and the class on the cluster and the engine (LOAD="kind load docker-image", ARGS="-k 05")
	@$(PY) -m pytest tests/e2e/exercises $(ARGS)
