"""Settings: three layers, one sentence for whatever is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from persona_graph.errors import ConfigurationError
from persona_graph.options import Options, Updates
from persona_graph.retrieval.query import DEFAULT_LIMITS
from persona_graph.settings import OPTION_NAMES, config_path, load_settings

HOME = {"HOME": "/home/ana"}


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_is_configured_by_default() -> None:
    settings = load_settings(HOME, platform="linux")
    assert (settings.model, settings.embeddings, settings.prompts) == (None, "none", None)
    assert settings.behaviour == Options()


@pytest.mark.parametrize(
    ("platform", "env", "store"),
    [
        ("linux", HOME, "sqlite:/home/ana/.local/share/persona"),
        ("linux", {**HOME, "XDG_DATA_HOME": "/data"}, "sqlite:/data/persona"),
        ("darwin", HOME, "sqlite:/home/ana/Library/Application Support/persona"),
        ("win32", {"LOCALAPPDATA": "/local"}, "sqlite:/local/persona"),
    ],
)
def test_memory_lies_where_the_platform_keeps_data(platform: str, env: dict[str, str], store: str) -> None:
    assert load_settings(env, platform=platform).store.replace("\\", "/") == store


def test_the_environment_changes_the_file_and_the_command_line_both(tmp_path: Path) -> None:
    file = config(tmp_path, 'user = "ana"\nmodel = "ollama:a"\nembeddings = "hash"\n[options]\nmax_retrievals = 1\n')
    env = {"PERSONA_MODEL": "ollama:b", "PERSONA_EMBEDDINGS": "none", "PERSONA_SESSION_GAP": "PT30M"}
    settings = load_settings(env, file, {"embeddings": "local", "user": None, "options": {"updates": "off"}})
    assert (settings.user, settings.model, settings.embeddings) == ("ana", "ollama:b", "local")
    assert settings.behaviour == Options(max_retrievals=1, session_gap=timedelta(minutes=30), updates=Updates.OFF)


def test_a_preset_is_what_overrides_start_from() -> None:
    settings = load_settings({"PERSONA_PRESET": "paper", "PERSONA_BACK_FILL": "true"})
    assert settings.behaviour == load_settings({"PERSONA_PRESET": "paper"}).behaviour.__class__(
        **{name: getattr(Options.paper(), name) for name in OPTION_NAMES if name != "back_fill"}, back_fill=True
    )


def test_tables_and_lists_are_json_in_a_variable() -> None:
    env = {"PERSONA_LIMITS": '{"semantic": 6}', "PERSONA_RETRY_DELAYS_S": "[1, 2]"}
    behaviour = load_settings(env).behaviour
    assert dict(behaviour.limits) == {"semantic": 6}
    assert behaviour.retry_delays_s == (1.0, 2.0)
    assert dict(load_settings({}).behaviour.limits) == dict(DEFAULT_LIMITS)


def test_a_model_on_another_server_is_named_with_its_address() -> None:
    env = {"PERSONA_MODEL": "openai:qwen", "PERSONA_BASE_URL": "http://localhost:8000/v1"}
    assert load_settings(env).chat_model == "openai:qwen@http://localhost:8000/v1"
    assert load_settings({"PERSONA_MODEL": "offline"}).chat_model == "offline"
    assert load_settings({}).chat_model is None


def test_a_key_comes_from_the_environment_alone_and_is_never_shown(tmp_path: Path) -> None:
    settings = load_settings({"PERSONA_API_KEY": "sk-secret"})
    assert "sk-secret" not in repr(settings)
    assert settings.model_options["api_key"].get_secret_value() == "sk-secret"
    with pytest.raises(ConfigurationError, match="set PERSONA_API_KEY instead"):
        load_settings({}, config(tmp_path, "api_key = 'sk-secret'"))


def test_times_are_read_in_the_configured_zone() -> None:
    assert load_settings({"PERSONA_TIMEZONE": "Europe/Berlin"}).zone == ZoneInfo("Europe/Berlin")
    assert load_settings({}).zone is not None


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PERSONA_MODLE", "x", "PERSONA_MODLE is no setting; did you mean PERSONA_MODEL?"),
        ("PERSONA_UPDATES", "never", "PERSONA_UPDATES is 'never': input should be 'background', 'inline' or 'off'"),
        ("PERSONA_MAX_RETRIEVALS", "two", "PERSONA_MAX_RETRIEVALS is 'two': input should be a valid integer"),
        ("PERSONA_TIMEZONE", "Mars/Base", "PERSONA_TIMEZONE is 'Mars/Base': no such time zone"),
        ("PERSONA_TIMEZONE", "../etc", "PERSONA_TIMEZONE is '../etc': no such time zone"),
        ("PERSONA_PROMPTS", "/no/where", "PERSONA_PROMPTS is '/no/where': no such folder"),
        ("PERSONA_PRESET", "theirs", "PERSONA_PRESET is 'theirs': input should be 'ours' or 'paper'"),
        ("PERSONA_LIMITS", '{"dreams": 1}', "PERSONA_LIMITS is 'dreams'"),
        ("PERSONA_LIMITS", "[broken", "PERSONA_LIMITS is '[broken'"),
        ("PERSONA_USER", " ", "PERSONA_USER is ' ': a user id is a string of at least one character"),
        ("PERSONA_CONFIG", "/no/file.toml", "the configuration file /no/file.toml does not exist"),
    ],
)
def test_a_wrong_variable_is_one_sentence(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({variable: value})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modle = 'x'", "is no setting; did you mean model?"),
        ("max_retrievals = 2", "move it under [options]"),
        ("[options]\nretrievals = 2", "is no option; did you mean max_retrievals?"),
        ("[options]\nmax_retrievals = 'x'", "max_retrievals in"),
        ("user = ", "is not valid TOML"),
        ("user = 3", "user in"),
        ("options = 3", "options in"),
    ],
)
def test_a_wrong_line_of_the_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, config(tmp_path, text))
    assert sentence in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_an_empty_variable_is_not_set() -> None:
    assert load_settings({"PERSONA_MODEL": "", "PERSONA_CONFIG": ""}).model is None


def test_the_platforms_file_is_read_when_it_exists(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert config_path(env, platform="linux") is None
    (tmp_path / "persona").mkdir()
    (tmp_path / "persona" / "config.toml").write_text('user = "ana"', encoding="utf-8")
    assert load_settings(env, platform="linux").user == "ana"
