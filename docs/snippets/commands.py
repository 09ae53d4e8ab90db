"""Commands from a program: ``--json``, and an exit code."""

from stanchion.cli import main

code = main(["version", "--json"])
code = main(["runs", "list", "--store", "sqlite:///nothing.db", "--json"])
print(code)
