"""What ``make bench`` prints when it isn't told which: the benchmarks there are."""

from __future__ import annotations

import ast
from pathlib import Path


def main() -> None:
    """List every benchmark with the first line of its docstring."""
    print("make bench NAME=... [SCALE=small]\n")
    here = Path(__file__).parent
    for path in sorted([*here.glob("[a-z]*.py"), *here.glob("[a-z]*/__main__.py")]):
        name = path.stem if path.parent == here else path.parent.name
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "\n"
        print(f"  {name:12} {docstring.splitlines()[0]}")


if __name__ == "__main__":
    main()
