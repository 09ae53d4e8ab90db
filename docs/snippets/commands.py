"""Commands from a program: the same words, and an exit code that says how it went."""

from pathlib import Path

from stanchion.cli import main

print(main(["init", "desk"]), sorted(file.name for file in Path("desk").iterdir()))
# > wrote desk/README.md
# > wrote desk/stanchion.toml
# > wrote desk/test_workflow.py
# > wrote desk/workflow.py
# >
# > try it:
# >   cd desk && python -m pytest
# >   cd desk && stanchion run workflow:take_back --input A-17
# > 0 ['README.md', 'stanchion.toml', 'test_workflow.py', 'workflow.py']
print(main(["runs", "list", "--store", "sqlite:///nothing.db"]), "with a remedy on stderr")
# > 1 with a remedy on stderr
