"""``stanchion doctor`` and ``stanchion models``: what is there, whence, and what is missing."""

from pathlib import Path
from typing import Any

import pytest

from stanchion.cli._diagnosis import without_secret
from tests.cli.conftest import SHOP, Terminal


def found(terminal: Terminal, name: str) -> dict[str, Any]:
    checks = terminal("doctor", "--json").data["checks"]
    (check,) = [each for each in checks if each["name"] == name]
    return check


@pytest.fixture(autouse=True)
def _ledger(terminal: Terminal) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")


def test_where_all_is_well_it_says_so(terminal: Terminal) -> None:
    told = terminal("doctor")

    assert told.code == 0
    assert told.out.rstrip().endswith("all is well")


def test_each_setting_has_its_origin(terminal: Terminal, folder: Path) -> None:
    (folder / "stanchion.toml").write_text("concurrency = 7\n", encoding="utf-8")

    given = found(terminal, "concurrency")
    assert (given["value"], given["origin"]) == ("7", "file")
    assert found(terminal, "poll_seconds")["origin"] == "environment"
    assert found(terminal, "lease_seconds")["origin"] == "default"


def test_the_model_of_each_role_has_its_origin(
    terminal: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "stanchion.toml").write_text(
        'app = "served:app"\n[models]\nfast = "local:smollm2"\nstrong = "nonsense"\n',
        encoding="utf-8",
    )
    (folder / "served.py").write_text(
        "from stanchion import Stanchion\n"
        "from stanchion.models import ScriptedModel\n"
        'app = Stanchion("sqlite://:memory:", models={"quarantine": ScriptedModel([])})\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("STANCHION_MODEL_STRONG", "local:smollm2")

    assert found(terminal, "fast")["origin"] == "file"
    assert found(terminal, "strong")["origin"] == "environment"
    assert found(terminal, "model quarantine")["origin"] == "code"


def test_the_store_tells_its_version_and_its_journal(terminal: Terminal) -> None:
    assert found(terminal, "journal mode")["value"] == "wal"
    assert found(terminal, "schema")["value"]


@pytest.mark.parametrize(
    ("settings", "name", "problem"),
    [
        ('[models]\nfast = "nonsense"', "fast", "isn't a model that can be found"),
        ('[models]\nfast = "mistral:large"', "fast", "mistral:large"),
        ('app = "nowhere:app"', "import", "there is no module 'nowhere'"),
        ('store = "sqlite:///nowhere.db"', "reachable", "there is no ledger at"),
        ('store = "mysql://x"', "reachable", "isn't a store that Stanchion knows"),
        ("colour = 3", "file", "there is no setting 'colour'"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy_and_exits_with_1(
    terminal: Terminal, folder: Path, settings: str, name: str, problem: str
) -> None:
    (folder / "stanchion.toml").write_text(settings, encoding="utf-8")

    told = terminal("doctor")
    check = found(terminal, name)

    assert told.code == 1
    assert "1 to mend" in told.out
    assert problem in check["problem"]
    assert check["remedy"] in " ".join(told.out.split())


def test_a_password_is_never_shown(terminal: Terminal, folder: Path) -> None:
    assert without_secret("postgresql://me:s3cret@host/db") == "postgresql://me:***@host/db"
    assert without_secret("sqlite:///stanchion.db") == "sqlite:///stanchion.db"

    (folder / "stanchion.toml").write_text(
        'store = "postgresql://me:s3cret@127.0.0.1:9/db"', encoding="utf-8"
    )
    told = terminal("doctor")

    assert told.code == 1
    assert "s3cret" not in told.out


def test_models_are_listed_with_what_the_unusable_ones_lack(
    terminal: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    (folder / "stanchion.toml").write_text('[models]\nfast = "local:smollm2"', encoding="utf-8")

    told = terminal("models")
    data = terminal("models", "--json").data
    mistral = next(each for each in data["families"] if each["spec"].startswith("mistral"))

    assert not mistral["usable"]
    assert "MISTRAL_API_KEY" in mistral["missing"]
    assert mistral["missing"] in told.out
    assert data["roles"] == {"fast": "local:smollm2"}
