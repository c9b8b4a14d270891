# The benchmarks: what they measure and how to read it is in bench/README.md.

.PHONY: bench
bench: $(VENV)/dev ## measure the speed beside its limits, a few minutes (needs wrk; ARGS="--only vote")
	@$(PY) -m bench $(ARGS)

.PHONY: simulation
simulation: $(VENV)/dev ## plot a crowd of voters, with the capacities of the last make bench (see ARGS="--help")
	@$(PY) -m bench.simulation $(ARGS)
