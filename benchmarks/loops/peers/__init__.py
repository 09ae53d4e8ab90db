"""Peers, from the dependency group ``bench-loops``, with their default limits.

Each module is a contender's process with a scripted model of the peer's own kind. A tool that fails
answers with its error as text, as their guides advise; raising would end the run at the first one.
"""
