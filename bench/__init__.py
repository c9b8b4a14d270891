"""The benchmarks: each figure beside its own limit, measured in the same run."""
