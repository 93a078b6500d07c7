"""The settings: the only reader of the environment (prefix MILLSTREAM_, nested with __, also from .env)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from spark_app.blocks import S3, Als, Blend, Explicit, Interests, Kafka, Neighbours, Serve, Spark, Web
from spark_app.running.errors import WrongUsageError
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.storage import bucket, places
from spark_app.storage.places import Place

PREFIX = "MILLSTREAM_"
MASK = "********"


class WrongSettingError(WrongUsageError, ValueError):
    """A setting has a value that cannot be used; the message names the variable, the value and what was expected."""


class _Tuned(PydanticBaseSettingsSource):
    """What `tune` found best, from the data folder that the sources above name."""

    def get_field_value(self, _: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: all of the file is taken at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The settings in tuned.json; WrongSettingError when it cannot be read."""
        given, s3 = self.current_state.get("data_dir") or "data", _s3(self.current_state)
        if not places.is_one(given):
            return tuned(Path(given))
        place = places.parse(given, s3.endpoint)
        _follow_tuned(tuned_file(places.copy_of(place, s3.home)), place)
        return tuned(places.copy_of(place, s3.home))


def tuned_file(data_dir: Path) -> Path:
    """Where `tune` writes what it found best."""
    return data_dir / "tuned.json"


def tuned(data_dir: Path) -> dict[str, Any]:
    """The settings that were tuned, as a tree; empty when none were."""
    path = tuned_file(data_dir)
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())["settings"]
    except (ValueError, KeyError, TypeError) as error:
        expected = "expected what `tune` wrote; remove the file to do without"
        raise WrongSettingError(f"{path} cannot be read ({type(error).__name__}: {error}); {expected}") from None
    unknown = [name for name in found if name not in Settings.model_fields]
    if unknown:
        raise WrongSettingError(f"{path}: {unknown[0]} is not a setting; expected what `tune` wrote")
    return dict(found)


def _follow_tuned(path: Path, place: Place) -> None:
    """Make the copy what the bucket holds, or nothing. OSError where there is no such bucket."""
    try:
        said = bucket.read(place / path.name)
    except FileNotFoundError:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(said)


def _s3(given: Mapping[str, Any]) -> S3:
    """The block of settings that says where copies lie, before the others are read."""
    return S3.model_validate(given.get("s3") or {})


def _above_zero(weights: dict[str, float]) -> dict[str, float]:
    merged = EVENT_WEIGHTS | weights
    if not any(weight > 0 for weight in merged.values()):
        raise ValueError("at least one event type needs a weight above 0")
    return merged


class Settings(BaseSettings):
    """Every setting with its default; see `python -m spark_app settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # A default is checked as a given value is, so that weights are merged in both cases.
        validate_default=True,
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the call gives, over the environment, over .env, over tuned.json, over the defaults."""
        return (*sources, named["init_settings"], named["env_settings"], named["dotenv_settings"], _Tuned(settings_cls))

    data_dir: Path = Field(
        Path("data"), description="tables, checkpoints, generations, logs and the inbox: a folder, or s3a://bucket/key"
    )
    results_dir: Path = Field(
        Path("results"), description="CSV files and pictures of the published generation: the same"
    )
    source: Literal["files", "kafka"] = Field("files", description="where events come from")
    columns: dict[str, str] = Field(
        {}, description='JSON: event field -> column of a CSV with an unknown header, e.g. {"user": "Kunde"}'
    )
    max_files_per_trigger: int = Field(1000, ge=1, description="files in one micro-batch at the most")
    max_bytes_per_trigger: str = Field(
        "256m", pattern=r"^\d+[kmgKMG]?$", description="bytes of files in one micro-batch, about"
    )
    train_threshold: int = Field(1000, ge=1, description="new accepted events before it trains")
    keep_generations: int = Field(5, ge=1, description="generations kept beside the published one, the newest")
    retention_days: float | None = Field(
        None, gt=0, le=36_500, description="events older than this before the newest go; unset: none"
    )
    taken_days: float = Field(7, ge=0, le=36_500, description="files that were taken are kept so long in taken/")
    train_interval: float = Field(600, ge=0, description="seconds between two trainings under --follow, at the least")
    max_rejected_share: float = Field(
        0.5, gt=0, le=1, description="a batch with a larger share of rejected records is not taken; 1 takes any"
    )
    trigger_interval: float = Field(0.5, gt=0, description="seconds between two micro-batches under --follow")
    top_n: int = Field(10, ge=1, le=1000, description="length of a list")
    feedback: Literal["implicit", "explicit"] = Field("implicit", description="fit what users did, or their ratings")
    strength: Literal["binary", "log"] = Field("binary", description="weight x 1, or weight x log1p(net quantity)")
    algorithm: Literal["auto", "als", "bm25", "cosine", "popular", "recent", "blend", "ratings"] = Field(
        "auto", description="what makes the lists; auto: what wins before the hold-out; ratings: the predicted ones"
    )
    engine: Literal["mllib", "implicit", "auto"] = Field(
        "mllib",
        description="what fits ALS of implicit feedback: Spark MLlib, the library implicit on one machine, "
        "or the latter where it fits",
    )
    half_life_days: float | None = Field(
        None, ge=0, le=36_500, description="an interaction this old counts half; 0: no decay; unset: learnt, or none"
    )
    popularity_half_life_days: float | None = Field(
        None, ge=0, le=36_500, description="the same for recently popular; unset: learnt, or 14"
    )
    weights: Annotated[dict[str, float], AfterValidator(_above_zero)] = Field(
        {}, description="JSON: event type -> weight, over the defaults"
    )
    seen: Literal["never", "always", "cooldown"] = Field(
        "never", description="products that a user has met: never listed again, always, or after a cool-down"
    )
    cooldown_days: float | None = Field(
        None, gt=0, description="of every cool-down; unset: learnt for each category from gaps between repeat purchases"
    )
    rules_file: Path | None = Field(None, description="TOML: products, categories and brands to hide, boost or bury")
    master: str | None = Field(None, min_length=1, description="short for MILLSTREAM_SPARK__MASTER")
    als: Als = Als()
    blend: Blend = Blend()
    neighbours: Neighbours = Neighbours()
    explicit: Explicit = Explicit()
    kafka: Kafka = Kafka()
    spark: Spark = Spark()
    serve: Serve = Serve()
    web: Web = Web()
    interests: Interests = Interests()
    google_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("MILLSTREAM_GOOGLE_API_KEY", "GOOGLE_API_KEY", "google_api_key"),
        description="key of Gemini, also GOOGLE_API_KEY; unset: it is never asked",
    )
    s3: S3 = S3()
    seed: int = Field(7, ge=0, description="of factors, samples and layouts")
    export_parts: bool = Field(False, description="each CSV as a folder of parts")
    mlflow_uri: SecretStr = Field(
        SecretStr(""), description="where runs are logged: a tracking URI, or sqlite for a file in the data folder"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="what the log file holds")
    failpoint: str = Field("", description="name:count, where the process kills itself; only under test")
    under_test: bool = Field(False, description="fail points are honoured")

    @model_validator(mode="before")
    @classmethod
    def _master_is_of_spark(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The short name says what the long one would, and never something else."""
        master, spark = given.get("master"), given.get("spark", {})
        if not isinstance(master, str) or not master or isinstance(spark, Spark):
            return given
        if spark.get("master", master) != master:
            names = f"{PREFIX}MASTER={master} and {PREFIX}SPARK__MASTER={spark['master']}"
            raise ValueError(f"{names}: expected one of them, or the same twice")
        return given | {"spark": {**spark, "master": master}}

    @model_validator(mode="before")
    @classmethod
    def _copies(cls, given: dict[str, Any]) -> dict[str, Any]:
        """A folder in a bucket becomes that of its copy, which is where this process works; `place` leads back."""
        for name in ("data_dir", "results_dir"):
            if isinstance(given.get(name), str) and places.is_elsewhere(given[name]):
                raise ValueError(f"{PREFIX}{name.upper()}={given[name]}, expected a folder or s3a://bucket/key")
        found = {name: given[name] for name in ("data_dir", "results_dir") if places.is_one(given.get(name))}
        if not found:
            return given
        s3 = _s3(given)
        return given | {
            name: places.copy_of(places.parse(value, s3.endpoint), s3.home) for name, value in found.items()
        }

    @model_validator(mode="after")
    def _ratings_are_asked_for(self) -> Self:
        if self.algorithm == "ratings" and self.feedback != "explicit":
            raise ValueError(f"{PREFIX}ALGORITHM=ratings goes with {PREFIX}FEEDBACK=explicit alone")
        return self

    def place(self, path: Path) -> Place | None:
        """What a path below the data or results folder is the copy of; None on this machine alone."""
        return places.behind(path, self.s3.home, self.s3.endpoint)

    def told(self, path: Path) -> str:
        """A path as the user calls it: s3a://... of a copy."""
        return str(self.place(path) or path)

    @property
    def event_types(self) -> tuple[str, ...]:
        """Event types that have a weight."""
        return tuple(self.weights)


class Given(Settings):
    """Settings that look nowhere: what the call gives, or the default."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The call alone."""
        return super().settings_customise_sources(settings_cls, *sources, **named)[:1]


class _Untuned(Settings):
    """Settings that do not look at tuned.json."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """All but tuned.json."""
        return super().settings_customise_sources(settings_cls, *sources, **named)[:-1]


def untuned(settings: Settings) -> Settings:
    """The same settings without what `tune` found: each that it set is as the sources above it say, or the default."""
    plain = _Untuned()
    return settings.model_copy(update={name: getattr(plain, name) for name in tuned(settings.data_dir)})


def load(**overrides: Any) -> Settings:
    """Read the environment and `.env`; `overrides` (from the command line) stand above both.

    Raises WrongSettingError on the first value that cannot be used, or on a variable that is no setting.
    """
    _refuse_unknown()
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise WrongSettingError(_in_words(error)) from None
    except Exception as error:
        if type(error).__name__ != "SettingsError":
            raise
        raise WrongSettingError(f"{_unreadable(error)}: expected JSON") from None


def size_in_bytes(size: str) -> int:
    """Of a setting such as 256m; k, m and g are powers of 1,024."""
    digits = size.rstrip("kmgKMG")
    return int(digits) << {"": 0, "k": 10, "m": 20, "g": 30}[size[len(digits) :].lower()]


def listed(settings: Settings) -> list[tuple[str, str, str, str, str]]:
    """(variable, value, default, origin, description) of each setting; origin: environment, .env, tuned or default."""
    origins = _tuned_names(settings.data_dir) | _origins()
    rows = []
    for path, default, description in fields(Settings):
        name, value = PREFIX + "__".join(path).upper(), reach(settings, path)
        known = settings.told(value) if isinstance(value, Path) else shown(value)
        rows.append((name, known, shown(default), origins.get(name, "default"), description))
    return rows


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any, str]]:
    """Every leaf of the settings: (path, default, description)."""
    leaves: list[tuple[tuple[str, ...], Any, str]] = []
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            leaves += fields(type(field.default), (*path, name))
        else:
            default = EVENT_WEIGHTS if name == "weights" else field.default
            leaves.append(((*path, name), default, field.description or ""))
    return leaves


def reach(settings: BaseModel, path: tuple[str, ...]) -> Any:
    """The value of a leaf by its path."""
    value: Any = settings
    for name in path:
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


def shown(value: Any) -> str:
    """A value as text: JSON of a mapping, empty for what is not set, a mask for a secret."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if _is_secret(value):
        return MASK if value.get_secret_value() else ""
    return "" if value is None else str(value)


def _variables() -> dict[str, str]:
    """Variable -> environment or .env, for each that begins with the prefix."""
    file = DotEnvSettingsSource(Settings).env_vars
    environment = EnvSettingsSource(Settings).env_vars
    found = {name.upper(): ".env" for name, value in file.items() if value}
    found |= {name.upper(): "environment" for name, value in environment.items() if value}
    return {name: origin for name, origin in found.items() if name.startswith(PREFIX)}


def _origins() -> dict[str, str]:
    """Setting -> origin; MILLSTREAM_WEIGHTS__VIEW counts for MILLSTREAM_WEIGHTS, a JSON block for its parts."""
    names = [PREFIX + "__".join(path).upper() for path, _, _ in fields(Settings)]
    given = _variables()
    return {
        name: origin
        for name in names
        for variable, origin in given.items()
        if variable == name or variable.startswith(f"{name}__") or name.startswith(f"{variable}__")
    }


def _tuned_names(data_dir: Path) -> dict[str, str]:
    """Setting -> tuned."""
    found = tuned(data_dir)
    paths = [path for path, *_ in fields(Settings)]
    return {PREFIX + "__".join(path).upper(): "tuned" for path in paths if _holds(found, path)}


def _holds(tree: Any, path: tuple[str, ...]) -> bool:
    return not path or (isinstance(tree, dict) and path[0] in tree and _holds(tree[path[0]], path[1:]))


def _refuse_unknown() -> None:
    blocks = {PREFIX + name.upper() for name in Settings.model_fields}
    leaves = {PREFIX + "__".join(path).upper() for path, _, _ in fields(Settings)}
    open_ended = tuple(f"{PREFIX}{name}__" for name in ("WEIGHTS", "COLUMNS"))
    for name in _variables():
        if name not in blocks | leaves and not name.startswith(open_ended):
            raise WrongSettingError(f"{name} is not a setting; `python -m spark_app settings` lists all")


def _in_words(error: ValidationError) -> str:
    """MILLSTREAM_TOP_N=0: input should be greater than or equal to 1."""
    first = error.errors()[0]
    if not first["loc"]:
        return first["msg"].removeprefix("Value error, ")
    name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
    expected = first["msg"].removeprefix("Value error, ")
    return f"{name}={_without_secrets(name, first['input'])}: {expected[0].lower()}{expected[1:]}"


def _unreadable(error: Exception) -> str:
    """The variable that pydantic-settings could not parse, with its value."""
    for name in Settings.model_fields:
        if f'"{name}"' in str(error):
            variable = PREFIX + name.upper()
            value = EnvSettingsSource(Settings).env_vars.get(variable.lower(), "")
            return f"{variable}={_without_secrets(variable, value)}"
    return str(error)


def _without_secrets(name: str, value: Any) -> Any:
    """A value to be shown; what holds or may hold a secret is masked."""
    secrets = (PREFIX + "__".join(path).upper() for path, default, _ in fields(Settings) if _is_secret(default))
    return MASK if value and any(secret.startswith(name) for secret in secrets) else value


def _is_secret(value: Any) -> bool:
    return isinstance(value, SecretStr)
