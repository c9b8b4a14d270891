# The exercises of docs/exercises. They take kubectl, helm and docker from PATH, the cluster from
# KUBECONFIG, and the images that make images built; LOAD is explained in kubernetes.mk.

.PHONY: e2e-exercises
e2e-exercises: $(VENV)/dev ## run the exercises of docs/exercises (LOAD="kind load docker-image", ARGS="-k 05")
	@$(PY) -m pytest tests/e2e/exercises $(ARGS)
