"""Settings: code over environment over file over defaults, models role by role."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanchion.engine import load_settings
from stanchion.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stanchion.toml"
    path.write_text(
        'concurrency = 7\n[models]\nfast = "local:a"\nstrong = "local:b"\nquarantine = "local:c"\n'
    )
    return path


def test_the_model_of_each_role_comes_from_the_nearest_source_that_names_it(file: Path) -> None:
    settings, origins = load_settings(
        file=file,
        environment={"STANCHION_MODEL_STRONG": "local:d", "STANCHION_MODEL_QUARANTINE": "local:e"},
        models={"quarantine": "local:f"},
    )

    assert settings.models == {"fast": "local:a", "strong": "local:d", "quarantine": "local:f"}
    assert {role: origins[f"models.{role}"] for role in settings.models} == {
        "fast": "file",
        "strong": "environment",
        "quarantine": "code",
    }


def test_every_other_setting_has_the_value_and_the_origin_of_the_nearest_source(
    file: Path,
) -> None:
    settings, origins = load_settings(file=file, environment={"STANCHION_CONCURRENCY": "8"})

    assert (settings.concurrency, origins["concurrency"]) == (8, "environment")
    assert origins["lease_seconds"] == "default"


def test_a_table_of_models_that_is_none_is_refused(file: Path) -> None:
    file.write_text("models = 3")

    with pytest.raises(ConfigurationError, match="the setting models can't be 3"):
        load_settings(file=file, environment={})
