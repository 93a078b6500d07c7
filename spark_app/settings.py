"""The settings: the only reader of the environment (prefix MILLSTREAM_, nested with __, also from .env)."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from spark_app.schemas import EVENT_WEIGHTS

PREFIX = "MILLSTREAM_"
MASK = "********"


class WrongSettingError(ValueError):
    """A setting has a value that cannot be used; the message names the variable, the value and what was expected."""


class Security(BaseModel):
    """How the broker is spoken to; connection.py refuses what does not go together."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="SSL encrypts, SASL logs in"
    )
    ca_file: Path | None = Field(None, description="PEM of the authority that signed the broker's certificate")
    cert_file: Path | None = Field(None, description="PEM of our own certificate, where the broker asks for one")
    key_file: Path | None = Field(None, description="PEM of its key (PKCS 8, without a passphrase)")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="how user and password are shown to the broker"
    )
    user: str = Field("", description="who logs in")
    password: SecretStr = Field(SecretStr(""), description="never shown, logged or recorded")


class Kafka(BaseModel):
    """Where the topic is."""

    bootstrap_servers: str = Field("localhost:9092", description="host:port of one or more brokers, comma separated")
    topic: str = Field("sales", min_length=1, description="the topic that holds the events")
    starting_offsets: Literal["earliest", "latest"] = Field("earliest", description="where a first run begins")
    fail_on_data_loss: bool = Field(True, description="stop when offsets that were not yet read have expired")
    max_offsets_per_trigger: int = Field(500_000, ge=1, description="records in one micro-batch at the most")
    security: Security = Security()

    @property
    def source(self) -> str:
        """What the topic is called in the tables."""
        return f"kafka:{self.topic}"


class Als(BaseModel):
    """Implicit feedback (Hu, Koren, Volinsky 2008) as Spark MLlib fits it."""

    factors: int = Field(64, ge=1, le=1024, description="length of a factor vector (Spark calls it rank)")
    regularization: float = Field(0.1, ge=0, description="multiplied by a user's or product's number of interactions")
    alpha: float | None = Field(None, gt=0, description="confidence = 1 + alpha x strength; unset: learnt, or 1")
    iterations: int = Field(10, ge=1, le=1000, description="alternations between users and products")


class Explicit(BaseModel):
    """Explicit feedback: ALS on what global, user and product biases leave of the ratings."""

    factors: int = Field(20, ge=1, le=1024, description="length of a factor vector")
    regularization: float = Field(0.6, ge=0, description="multiplied by a user's or product's number of ratings")
    iterations: int = Field(10, ge=1, le=1000, description="alternations between users and products")
    shrinkage: float = Field(5.0, ge=0, description="ratings that a bias must outweigh before it counts half")


class Blend(BaseModel):
    """What the algorithm `blend` adds up; what is unset is learnt when the algorithm is `auto`, else as said here."""

    base: Literal["als", "bm25", "cosine"] | None = Field(None, description="what the others are added to; unset: als")
    neighbours: Literal["bm25", "cosine"] | None = Field(None, description="neighbours that are added; unset: bm25")
    neighbours_weight: float | None = Field(
        None, ge=0, le=100, description="of neighbours, in standard deviations of a user's scores; unset: 0"
    )
    popularity_weight: float | None = Field(
        None, ge=0, le=100, description="of popularity, in standard deviations of a user's scores; unset: 0.3"
    )
    repeat_weight: float | None = Field(
        None, ge=0, le=100, description="of log(1 + events) for what a user has met already; unset: 0"
    )


class Neighbours(BaseModel):
    """Item-item neighbours, where the algorithm or the blend uses them."""

    k: int = Field(20, ge=1, le=1000, description="products that are kept as the neighbours of a product")
    k1: float = Field(1.2, gt=0, description="BM25: how soon more of the same counts no more")
    b: float = Field(0.2, ge=0, le=1, description="BM25: how much a product with many users is held back")


class Spark(BaseModel):
    """How Spark is started."""

    master: str = Field("local[*]", min_length=1, description="local[*], spark://host:7077, yarn, k8s://...")
    driver_memory: str = Field("4g", pattern=r"^\d+[kmgKMG]$", description="heap of the driver; on one machine of all")
    executor_memory: str = Field("4g", pattern=r"^\d+[kmgKMG]$", description="heap of an executor on a cluster")
    java_options: str = Field("", description="more options for the driver's Java, such as -XX:+UseZGC")
    shuffle_partitions: int | None = Field(None, ge=1, description="default: two for each core")
    driver_host: str | None = Field(
        None, description="name or address of this program for executors; default: its address towards the master"
    )
    ui: bool = Field(False, description="Spark's own page on port 4040")
    jars: Path | None = Field(None, description="folder of jars to use; default: the packages below are fetched")
    kafka_package: str = Field(
        "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0", description="Maven coordinate of the Kafka source"
    )
    graphframes_package: str = Field(
        "org.apache.sedona:sedona-spark-shaded-4.0_2.13:1.8.0",
        description="Maven coordinate of a jar that carries GraphFrames",
    )
    delta_package: str = Field("io.delta:delta-spark_2.13:4.0.0", description="Maven coordinate of Delta Lake")


# What decides how a model and its lists turn out, given the events. Of the rules, the manifest keeps what they say.
_DECISIVE = (
    "top_n", "feedback", "strength", "algorithm", "half_life_days", "popularity_half_life_days", "weights", "als",
    "blend", "neighbours", "explicit", "seed", "seen", "cooldown_days",
)  # fmt: skip
# What an unset value is when it is not learnt.
_PLAIN = {
    "half_life_days": 0.0, "popularity_half_life_days": 14.0, "als": {"alpha": 1.0},
    "blend": {
        "base": "als", "neighbours": "bm25", "neighbours_weight": 0.0, "popularity_weight": 0.3, "repeat_weight": 0.0,
    },
}  # fmt: skip


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

    data_dir: Path = Field(Path("data"), description="tables, checkpoints, generations, logs and the inbox")
    results_dir: Path = Field(Path("results"), description="CSV files and pictures of the published generation")
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
    algorithm: Literal["auto", "als", "bm25", "cosine", "popular", "recent", "blend"] = Field(
        "auto", description="what makes the lists; auto: what wins on a split of the history before the hold-out"
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
    als: Als = Als()
    blend: Blend = Blend()
    neighbours: Neighbours = Neighbours()
    explicit: Explicit = Explicit()
    kafka: Kafka = Kafka()
    spark: Spark = Spark()
    seed: int = Field(7, ge=0, description="of factors, samples and layouts")
    export_parts: bool = Field(False, description="each CSV as a folder of parts")
    mlflow_uri: SecretStr = Field(
        SecretStr(""), description="where runs are logged: a tracking URI, or sqlite for a file in the data folder"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="what the log file holds")
    failpoint: str = Field("", description="name:count, where the process kills itself; only under test")
    under_test: bool = Field(False, description="fail points are honoured")

    @property
    def event_types(self) -> tuple[str, ...]:
        """Event types that have a weight."""
        return tuple(self.weights)


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


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """These settings with some replaced, by their names below the root: {"als.alpha": 4.0}."""
    update: dict[str, Any] = {}
    for name, value in changes.items():
        block, _, leaf = name.rpartition(".")
        if block:
            update[block] = update.get(block, getattr(settings, block)).model_copy(update={leaf: value})
        else:
            update[leaf] = value
    return settings.model_copy(update=update)


def reached(settings: Settings, name: str) -> Any:
    """The value of a setting by such a name."""
    return _reach(settings, tuple(name.split(".")))


def unset(settings: Settings) -> dict[str, Any]:
    """What is not set and could be learnt, by name, and what it is when it is not learnt."""
    plain = {
        ".".join(filter(None, (block, leaf))): value
        for block, leaves in _PLAIN.items()
        for leaf, value in (leaves.items() if isinstance(leaves, dict) else [("", leaves)])
    }
    return {name: value for name, value in plain.items() if reached(settings, name) is None}


def is_decisive(variable: str) -> bool:
    """Whether a variable decides how a model and its lists turn out."""
    return variable.removeprefix(PREFIX).lower().split("__")[0] in _DECISIVE


def same_lists(one: Settings, other: Settings) -> bool:
    """Whether both would make the same lists of the same events, but for their length."""
    return all(getattr(one, name) == getattr(other, name) for name in _DECISIVE if name != "top_n")


def size_in_bytes(size: str) -> int:
    """Of a setting such as 256m; k, m and g are powers of 1,024."""
    digits = size.rstrip("kmgKMG")
    return int(digits) << {"": 0, "k": 10, "m": 20, "g": 30}[size[len(digits) :].lower()]


def listed(settings: Settings) -> list[tuple[str, str, str, str, str]]:
    """(variable, value, default, origin, description) of each setting; origin: environment, .env or default."""
    origins = _origins()
    rows = []
    for path, default, description in _fields(Settings):
        name = PREFIX + "__".join(path).upper()
        rows.append((name, _shown(_reach(settings, path)), _shown(default), origins.get(name, "default"), description))
    return rows


def recorded(settings: Settings, learnt: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Settings as a generation's manifest keeps them: {variable: {value, origin}}; `learnt` by their names."""
    names = {PREFIX + name.replace(".", "__").upper() for name in learnt}
    return {
        name: {"value": value, "origin": "learnt" if name in names else origin}
        for name, value, _, origin, _ in listed(settings)
    }


def decisive(recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What decides how a model turns out, of a manifest's settings: {als.factors: {value, origin}}."""
    names = {".".join(path): PREFIX + "__".join(path).upper() for path, *_ in _fields(Settings) if path[0] in _DECISIVE}
    return {short: recorded[name] for short, name in names.items() if name in recorded}


def restored(settings: Settings, recorded: Mapping[str, Mapping[str, Any]]) -> Settings:
    """These settings with all that decides a model taken from a manifest; what it does not know yet is the default."""
    tree: dict[str, Any] = {}
    for path, default, _ in _fields(Settings):
        if path[0] in _DECISIVE:
            name = PREFIX + "__".join(path).upper()
            # What an older generation did not know yet was as if it were not set, and its lists were those of ALS.
            before = "als" if path[-1] == "algorithm" else _shown(default)
            text = recorded[name]["value"] if name in recorded else before
            branch = tree
            for part in path[:-1]:
                branch = branch.setdefault(part, {})
            branch[path[-1]] = json.loads(text) if isinstance(default, dict) else (text or None)
    then = Settings(_env_file=None, **tree)
    return settings.model_copy(update={name: getattr(then, name) for name in _DECISIVE})


def _fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any, str]]:
    """Every leaf of the settings: (path, default, description)."""
    leaves: list[tuple[tuple[str, ...], Any, str]] = []
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            leaves += _fields(type(field.default), (*path, name))
        else:
            default = EVENT_WEIGHTS if name == "weights" else field.default
            leaves.append(((*path, name), default, field.description or ""))
    return leaves


def _reach(settings: BaseModel, path: tuple[str, ...]) -> Any:
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return value


def _shown(value: Any) -> str:
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
    names = [PREFIX + "__".join(path).upper() for path, _, _ in _fields(Settings)]
    given = _variables()
    return {
        name: origin
        for name in names
        for variable, origin in given.items()
        if variable == name or variable.startswith(f"{name}__") or name.startswith(f"{variable}__")
    }


def _refuse_unknown() -> None:
    blocks = {PREFIX + name.upper() for name in Settings.model_fields}
    leaves = {PREFIX + "__".join(path).upper() for path, _, _ in _fields(Settings)}
    open_ended = tuple(f"{PREFIX}{name}__" for name in ("WEIGHTS", "COLUMNS"))
    for name in _variables():
        if name not in blocks | leaves and not name.startswith(open_ended):
            raise WrongSettingError(f"{name} is not a setting; `python -m spark_app settings` lists all")


def _in_words(error: ValidationError) -> str:
    """MILLSTREAM_TOP_N=0: input should be greater than or equal to 1."""
    first = error.errors()[0]
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
    secrets = (PREFIX + "__".join(path).upper() for path, default, _ in _fields(Settings) if _is_secret(default))
    return MASK if value and any(secret.startswith(name) for secret in secrets) else value


def _is_secret(value: Any) -> bool:
    return isinstance(value, SecretStr)
