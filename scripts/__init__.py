"""The programs behind the Makefile's verbs: set-up, documentation, promises, mutation.

They read the work tree and never import Stanchion, so that they work while it is broken.
"""
