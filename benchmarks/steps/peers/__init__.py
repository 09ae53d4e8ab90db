"""Peers, from the dependency group ``bench-steps``. Each module is a contender's process."""
