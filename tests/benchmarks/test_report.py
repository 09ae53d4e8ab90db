import json
import socket

import pytest

from benchmarks import _report
from benchmarks._report import Report


def test_the_last_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("start")
    report.figure("import_seconds", 0.123456789)
    report.target("import, seconds", 0.3, "<=", 0.25)

    report.finish()

    printed = capsys.readouterr().out
    told = json.loads(printed.splitlines()[-1])
    assert set(told) == {"benchmark", "machine", "figures", "targets"}
    assert told["figures"] == {"import_seconds": 0.123457}
    assert told["targets"] == [
        {"what": "import, seconds", "value": 0.3, "op": "<=", "target": 0.25}
    ]
    assert "MISSED" in printed


def test_the_machine_is_described_without_its_name() -> None:
    told = json.dumps(_report.machine())

    assert set(_report.machine()) == {"cpu", "cores", "python", "platform"}
    assert socket.gethostname() not in told


def test_a_table_is_aligned() -> None:
    assert _report.table(("name", "n"), [("a", 1), ("bbb", 12345)]) == (
        "name       n\n------------\na          1\nbbb   12,345"
    )
