"""The benchmarks: each measurement next to its limit, in one run on the same cores."""
