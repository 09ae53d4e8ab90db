"""Measurements, one module or folder each: ``make bench NAME=start``.

Every benchmark prints a table for people and, as its last line, one JSON object (see ``_report``).
All values are measured in that run. A missed target is reported, not raised: the exit code is 0.
Peers that a benchmark compares with live in a dependency group ``bench-NAME`` of their own, and
the code that imports them in ``benchmarks/NAME/peers/``.
"""
