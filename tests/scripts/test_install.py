import platform
import sys

import pytest

from scripts import install

LINUX = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.mark.parametrize(
    ("wheel", "fits"),
    [
        ("x-1.0-py3-none-any.whl", True),
        ("x-1.0-cp310-abi3-manylinux_2_28_x86_64.whl", LINUX),
        ("x-1.0-cp27-cp27m-manylinux_2_28_x86_64.whl", False),
        ("x-1.0-py3-none-win_amd64.whl", False),
    ],
)
def test_the_announced_size_counts_only_wheels_that_may_run_here(wheel: str, *, fits: bool) -> None:
    assert install.may_fit(f"https://example.org/{wheel}") is fits


def test_a_package_counts_with_its_largest_candidate_or_its_source() -> None:
    wheels = [
        {"url": "x-1.0-py3-none-any.whl", "size": 10},
        {"url": "x-1.0-py2.py3-none-any.whl", "size": 30},
        {"url": "x-1.0-py3-none-win_amd64.whl", "size": 90},
    ]
    assert install.size({"wheels": wheels, "sdist": {"size": 50}}) == 30
    assert install.size({"sdist": {"size": 50}}) == 50
