"""What 50 cases show about one system, about two, and about the same task tried four times."""

from stanchion.evaluate.statistics import (
    Design,
    anytime_interval,
    cases_needed,
    mcnemar,
    paired_difference,
    pass_hat_k,
    proportion,
)

solved = [1] * 47 + [0] * 3
customers = [case % 25 for case in range(50)]

print(proportion(solved))
# > 0.940 [0.835, 0.987]
print(proportion(solved, customers))
# > 0.940 [0.818, 0.990]
print(proportion(solved, [case % 5 for case in range(50)]))
# > 0.940 (too few clusters: 5, and 10 are needed)

# Two systems on the same 50 cases.
better, worse = [case % 17 != 5 for case in range(50)], [case % 7 != 5 for case in range(50)]
gaps = [a - b for a, b in zip(better, worse, strict=True)]
print(paired_difference(better, worse), f"p = {mcnemar(gaps.count(1), gaps.count(-1)):.3f}")
# > 0.080 [-0.047, 0.211] p = 0.289

# Looked at after every case: as sure, and wider for it. The order has to be random.
print(anytime_interval(gaps))
# > 0.080 [-0.088, 0.264]

# 50 tasks, 4 trials each; how many cases an upgrade of at most 3 points worse would need.
tasks = [0] * 14 + [1] * 12 + [2] * 10 + [3] * 4 + [4] * 10
print(pass_hat_k(tasks, 4, k=4), cases_needed(Design(discordance=0.15), effect=0.03))
# > 0.200 [0.100, 0.320] 1031
