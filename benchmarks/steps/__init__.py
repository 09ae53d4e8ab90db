"""What a durable step costs, beside peers and beside bare ``sqlite3``.

Every contender runs in a process of its own, kept waiting while others are measured, so that
repetitions interleave on a machine that is shared. What each of them runs stands in its docstring.
"""
