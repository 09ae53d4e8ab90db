"""A candidate that gains 1 case in 20 passes; after 20 cases nothing could be said yet."""

from stanchion.evaluate import CaseResult, GatePlan, gate, in_words, plan_gate

baseline = [CaseResult(f"{n}", {"exact": float(n % 20 > 1)}) for n in range(300)]
candidate = [CaseResult(f"{n}", {"exact": float(n % 20 > 0)}) for n in range(300)]
plans = {"exact": GatePlan(margin=0.05, discordance=0.1)}

early = gate(candidate[:20], baseline[:20], plans)
print(early.verdict, "about", early.metrics[0].more, "more cases")
# > inconclusive about 23 more cases

report = gate(candidate, baseline, plans)
print(in_words(report.metrics[0]))
# > passes: +0.050 [+0.034, +0.099] against a margin of -0.05, 300 cases

print(plan_gate(0.05, discordance=0.1).planned, "cases for one that is as good")
# > 645 cases for one that is as good
