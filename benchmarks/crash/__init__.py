"""Kill runs everywhere and judge them from outside: ``make crash``.

Workers that run the engine are killed with SIGKILL at every named commit, inside the bodies of
tools and at random instants; others are stopped, lose their run to a second writer and go on. The
effects arrive at a process of their own, which writes them to a log; the verdict reads that log,
what a person was asked, and what the runs returned. Mutants of the runtime must be caught.
"""
