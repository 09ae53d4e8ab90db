"""The support desk exported to real servers, and read back through their own interfaces.

Phoenix and MLflow are started from PyPI in environments of their own, Weave's own converter runs in
one too. Langfuse and LangSmith, which can't be had that way, are stood in for by a server that
refuses what theirs refuse and reads attributes in the order in which their sources and pages say.
"""
