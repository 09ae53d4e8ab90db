"""Guessing: does a model that makes up what it wasn't told get anything done with it?

The multi-turn cases of the Berkeley function-calling data, their tools simulated in process.
"""
