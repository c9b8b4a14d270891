# The benchmarks. bench/README.md says what they measure and how to read them.

.PHONY: bench
bench: $(VENV)/dev ## measure the speed next to its limits, some minutes (needs wrk and npm; ARGS="--only vote")
	@$(PY) -m bench $(ARGS)
