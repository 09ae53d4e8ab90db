"""Whether a goal survives 10,000 steps: the workload, the judge, and the contenders."""
