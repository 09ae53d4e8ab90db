"""Evaluating many cases at once: the time that it takes, and what a crash costs."""
