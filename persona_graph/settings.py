"""`Settings`: what this machine configures, from `PERSONA_*` variables and one TOML file, read once at the entry point.

    # config.toml                      or, in the environment (which wins):
    model = "ollama:llama3.2"          PERSONA_MODEL=ollama:llama3.2
    timezone = "Europe/Berlin"         PERSONA_TIMEZONE=Europe/Berlin
    [options]
    max_retrievals = 2                 PERSONA_MAX_RETRIEVALS=2

Nothing else in the package reads the environment or a file of settings.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError, field_validator

from persona_graph.errors import ConfigurationError, InputError
from persona_graph.options import Options
from persona_graph.user_id import user_id

PREFIX = "PERSONA_"
CONFIG_VARIABLE = "PERSONA_CONFIG"
OPTION_NAMES = tuple(field.name for field in dataclasses.fields(Options))


class Settings(BaseModel):
    """One resolved configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str
    """Where memory lives: `sqlite:FOLDER` or a weaviate URL; by default a folder of this platform for data."""
    model: str | None = None
    """`provider:model`, for example `ollama:llama3.2`, `openai:gpt-4o-mini`; or `offline`, rules without a model."""
    base_url: str | None = None
    """Another address of an OpenAI-compatible or Ollama server."""
    api_key: SecretStr | None = None
    """For a server with a key of its own; from the environment alone. A provider's own variable serves otherwise."""
    embeddings: str = "none"
    """`none`, `hash`, `local`, `local:MODEL` or `provider:model`."""
    media: str | None = None
    """A folder or an fsspec URL for images; beside the store otherwise, on this machine where that is a server."""
    spool: Path | None = None
    """Where turns wait while the store's server is away; beside the images otherwise."""
    prompts: Path | None = None
    """A folder of `NAME.md` files that replace a job's instructions."""
    user: str = "me"
    """Whose memory commands mean when `--user` is not given."""
    timezone: str | None = None
    """An IANA name; the machine's own zone when not given."""
    preset: Literal["ours", "paper"] = "ours"
    """Where behaviour starts from, before `options` change it."""
    options: Mapping[str, Any] = {}
    """Overrides of fields of `Options`."""

    @field_validator("user")
    @classmethod
    def _named(cls, value: str) -> str:
        return user_id(value)

    @field_validator("prompts")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.expanduser().is_dir():
            raise ValueError("no such folder")
        return value.expanduser() if value is not None else None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError("no such time zone; write an IANA name, for example Europe/Berlin") from error
        return value

    @property
    def chat_model(self) -> str | None:
        """The model and where it is served, as `Persona.open` takes it."""
        return f"{self.model}@{self.base_url}" if self.model and self.base_url else self.model

    @property
    def model_options(self) -> dict[str, Any]:
        """What the chat model is opened with besides its name."""
        return {"api_key": self.api_key} if self.api_key is not None else {}

    @property
    def zone(self) -> tzinfo:
        """The zone in which times are read and shown."""
        return ZoneInfo(self.timezone) if self.timezone else machine_zone()

    @property
    def behaviour(self) -> Options:
        """The preset with the overrides applied. Raises: ConfigurationError."""
        base = Options.paper() if self.preset == "paper" else Options()
        return override(base, self.options)


def load_settings(
    env: Mapping[str, str],
    file: Path | None = None,
    given: Mapping[str, Any] | None = None,
    *,
    platform: str = sys.platform,
) -> Settings:
    """The settings of a file, changed by the environment, changed by what the command line gives.

    Raises: ConfigurationError with one sentence naming the key, its value and what would be right.
    """
    path = config_path(env, file, platform=platform)
    values: dict[str, Any] = {"store": f"sqlite:{data_folder(env, platform)}", "options": {}}
    origins: dict[str, str] = {}
    if path is not None:
        _take(values, origins, _read_toml(path), lambda key: f"{key} in {path}")
    _take(values, origins, _read_environment(env), lambda key: PREFIX + key.rpartition(".")[2].upper())
    flags = {key: value for key, value in (given or {}).items() if value is not None}
    _take(values, origins, flags, lambda key: f"--{key.replace('_', '-')}")
    if str(values["store"]).startswith("sqlite:~"):
        values["store"] = "sqlite:" + str(Path(values["store"].removeprefix("sqlite:")).expanduser())
    try:
        settings = Settings(**values)
        override(Options(), settings.options)
    except ValidationError as error:
        raise _sentence(error, origins) from error
    return settings


def config_path(env: Mapping[str, str], file: Path | None = None, *, platform: str = sys.platform) -> Path | None:
    """The configuration file in use: the one given, `PERSONA_CONFIG`, or the platform's if it exists.

    Raises: ConfigurationError when a file that was named does not exist.
    """
    named = file or (Path(env[CONFIG_VARIABLE]) if env.get(CONFIG_VARIABLE) else None)
    if named is not None:
        path = named.expanduser()
        if not os.path.isfile(path):
            raise ConfigurationError(f"the configuration file {path} does not exist; create it or name another")
        return path
    default = config_folder(env, platform) / "config.toml"
    return default if default.is_file() else None


def config_folder(env: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where this platform keeps configuration."""
    if platform == "win32":
        return Path(env.get("APPDATA") or _home(env) / "AppData" / "Roaming") / "persona"
    if platform == "darwin":
        return _home(env) / "Library" / "Application Support" / "persona"
    return Path(env.get("XDG_CONFIG_HOME") or _home(env) / ".config") / "persona"


def data_folder(env: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where this platform keeps data."""
    if platform == "win32":
        return Path(env.get("LOCALAPPDATA") or _home(env) / "AppData" / "Local") / "persona"
    if platform == "darwin":
        return _home(env) / "Library" / "Application Support" / "persona"
    return Path(env.get("XDG_DATA_HOME") or _home(env) / ".local" / "share") / "persona"


def machine_zone() -> tzinfo:
    """The machine's zone by name where it tells one (so that past times keep their summer time), else its offset."""
    link = Path("/etc/localtime")
    _, found, name = str(link.resolve()).partition("zoneinfo/") if link.exists() else ("", "", "")
    if found:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            pass
    local = datetime.now().astimezone().tzinfo
    assert local is not None  # `astimezone` always attaches one
    return local


def override(base: Options, values: Mapping[str, Any]) -> Options:
    """`base` with some fields replaced by values as they stand in a file or the environment.

    Raises: ConfigurationError for a name that is no option; ValidationError for a value that does not fit.
    """
    for name in values:
        if name not in OPTION_NAMES:
            raise ConfigurationError(f"{name!r} is no option; {_advice(name, OPTION_NAMES)}")
    checked = TypeAdapter(Options).validate_python(dict(values))
    return dataclasses.replace(base, **{name: getattr(checked, name) for name in values})


def _take(
    values: dict[str, Any], origins: dict[str, str], layer: Mapping[str, Any], origin: Callable[[str], str]
) -> None:
    for key, value in layer.items():
        if key == "options":
            values["options"] = {**values["options"], **value}
            origins.update({name: origin(f"options.{name}") for name in value})
        else:
            values[key] = value
            origins[key] = origin(key)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if "api_key" in content:
        raise ConfigurationError(f"api_key does not belong into {path}; set PERSONA_API_KEY instead")
    for key in content:
        if key not in Settings.model_fields:
            hint = f"move it under [options] in {path}" if key in OPTION_NAMES else _advice(key, Settings.model_fields)
            raise ConfigurationError(f"{key!r} in {path} is no setting; {hint}")
    options = content.get("options", {})
    if not isinstance(options, dict):
        raise ConfigurationError(f"options in {path} is {options!r}; write a table: [options] and its lines below")
    for name in options:
        if name not in OPTION_NAMES:
            raise ConfigurationError(f"{name!r} under [options] in {path} is no option; {_advice(name, OPTION_NAMES)}")
    return content


def _read_environment(env: Mapping[str, str]) -> dict[str, Any]:
    plain = [name for name in Settings.model_fields if name != "options"]
    out: dict[str, Any] = {"options": {}}
    for variable, text in env.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or not text:
            continue
        key = variable.removeprefix(PREFIX).lower()
        if key in plain:
            out[key] = text
        elif key in OPTION_NAMES:
            out["options"][key] = _structured(text)
        else:
            known = [PREFIX + name.upper() for name in (*plain, *OPTION_NAMES)]
            raise ConfigurationError(f"{variable} is no setting; {_advice(variable, known)}")
    return out


def _structured(text: str) -> Any:
    # Limits and delays are tables and lists; in a variable they are written as JSON.
    try:
        return json.loads(text) if text[0] in "[{" else text
    except ValueError:
        return text


def _advice(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"


def _sentence(error: ValidationError, origins: Mapping[str, str]) -> ConfigurationError:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    what = first["msg"].removeprefix("Value error, ")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        what = str(cause)
    return ConfigurationError(f"{origins.get(key, key)} is {first['input']!r}: {what[:1].lower()}{what[1:]}")


def _home(env: Mapping[str, str]) -> Path:
    return Path(env["HOME"]) if env.get("HOME") else Path.home()
