"""What was trained, logged with MLflow where the settings say: a run for each generation and for each trial.

Params, metrics and files come from the generation's own folder and from the results; its lists are logged as a model
that needs neither Spark nor this package. Nothing here raises: what is wrong with MLflow is one warning.
"""

import importlib.metadata
import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import Any

from spark_app import exports, generations, logged_model
from spark_app.decisive import decisive
from spark_app.generations import Generation
from spark_app.running import progress
from spark_app.settings import MASK, Settings

EXPERIMENT = MODEL = "millstream"
PUBLISHED = "published"
EMBEDDED = "sqlite"
# MLflow's own limits are minutes; who sets them in the environment keeps what was set.
PATIENCE = 5
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": 0,
    "MLFLOW_HTTP_REQUEST_TIMEOUT": PATIENCE,
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": True,
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": False,
    "MLFLOW_DISABLE_TELEMETRY": True,
}
_SERVERS = ("http", "https", "databricks", "databricks-uc")
_RESULTS = ("*.csv", "*.png", "*.html", "rmse.txt", exports.METRICS)
_TABLES = (generations.USERS, generations.PRODUCTS, generations.POPULAR, generations.RECOMMENDATIONS)
_ARRAYS = tuple(
    f"{name}{part}.npy"
    for name in (generations.USER_FACTORS, generations.PRODUCT_FACTORS)
    for part in ("", "_ids")
)  # fmt: skip
_SEGMENTS_BY = ("features", "k", "events_version", "generation", "silhouette_users")
_SEGMENTS_MEASURED = (
    "users", "left_out", "k", "components", "variance_kept", "agreement", "methods", "alike", "seconds",
)  # fmt: skip
_INTERESTS_BY = ("encoder", "k", "events_version", "silhouette_users")
_INTERESTS_MEASURED = ("users", "posts", "k", "silhouette", "stability", "pictures", "none", "seconds")
# Letters of a param or tag, and of a reason.
_LONGEST = 500
_REASON = 200


def log_generation(settings: Settings, generation: Generation, results: Path | None = None) -> str | None:
    """One run for a generation, also the second time; gives its id, or None when nothing is logged.

    The files of `results` go with it when they are this generation's. One that was published becomes a version of the
    registered model, and the alias `published` is moved to what is published now.
    """
    return _guarded(settings, lambda client: _log(client, settings, generation, results))


def log_trials(
    settings: Settings, parent_name: str, trials: Sequence[Mapping[str, Any]], best: Mapping[str, Any]
) -> str | None:
    """One run for a tuning, with a child run for each of `trials` ({params, metrics, seconds}); gives the parent's id.

    The parent has the params and metrics of `best`.
    """

    def log(client: Any) -> str:
        experiment = _experiment(client, settings)
        parent = client.create_run(experiment, run_name=parent_name, tags={"trials": str(len(trials))}).info.run_id
        for number, trial in enumerate(trials, start=1):
            tags = {"mlflow.parentRunId": parent, "best": _text(trial == best)}
            child = client.create_run(experiment, run_name=f"{parent_name}-{number}", tags=tags).info.run_id
            _write(client, child, params=trial["params"], metrics=_measured(trial))
            client.set_terminated(child)
        seconds = {"seconds": sum(trial["seconds"] for trial in trials)}
        _write(client, parent, params=best["params"], metrics={**best["metrics"], **seconds})
        client.set_terminated(parent)
        return str(parent)

    return _guarded(settings, log)


def log_segments(settings: Settings, summary: Mapping[str, Any], files: Sequence[Path] = ()) -> str | None:
    """One run for the segments that a summary.json is of, also the second time; gives its id, or None.

    `files` go with it, those that are there: segments.json, the pictures.
    """

    linkage = summary["methods"].get("agglomerative", {}).get("linkage")
    params = {one: summary.get(one) for one in _SEGMENTS_BY} | {"linkage": linkage}
    measured = {one: summary.get(one) for one in _SEGMENTS_MEASURED}
    tags = {"features": summary["features"]}
    return _log_found(settings, "segments", summary, files, params=params, measured=measured, tags=tags)


def log_interests(settings: Settings, summary: Mapping[str, Any], files: Sequence[Path] = ()) -> str | None:
    """The same of interests."""
    params = {one: summary.get(one) for one in _INTERESTS_BY}
    measured = {one: summary.get(one) for one in _INTERESTS_MEASURED}
    measured["sizes"] = {number: group["size"] for number, group in summary["groups"].items()}
    return _log_found(settings, "interests", summary, files, params=params, measured=measured, tags={})


def _log_found(
    settings: Settings, kind: str, summary: Mapping[str, Any], files: Sequence[Path], *, params: Mapping[str, Any],
    measured: Mapping[str, Any], tags: Mapping[str, str],
) -> str | None:  # fmt: skip
    """One run for what was found of users, named and tagged by its id."""

    def log(client: Any) -> str:
        experiment = _experiment(client, settings)
        name, made_at = summary["id"], datetime.fromisoformat(summary["made_at"])
        end = round(1000 * made_at.timestamp())
        run = _run_tagged(client, experiment, kind, name, end - _lasted(summary), {kind: name, **tags})
        told = {"structure": summary["structure"]["words"], "chosen_by": summary["chosen_by"]}
        with_seed = {**params, "seed": settings.seed}
        _write(client, run, params=with_seed, metrics=measured, tags=told, at=end)
        for path in (path for path in files if path.exists()):
            client.log_artifact(run, str(path), "results")
        client.set_terminated(run, end_time=end)
        return run

    return _guarded(settings, log)


def place(settings: Settings) -> str:
    """Where runs are logged, to be shown: without a password."""
    return _hidden(_uri(settings))


def _guarded(settings: Settings, action: Callable[[Any], str]) -> str | None:
    """Do it where MLflow is asked for and there; else say in one line why not."""
    if not settings.mlflow_uri:
        return None
    try:
        return action(_client(_uri(settings)))
    except Exception as error:  # noqa: BLE001 - the core works without it, whatever it was
        progress.warn(f"not logged to {place(settings)}: {_hidden(_cause(error))}; all else is done")
        return None


def _log(client: Any, settings: Settings, generation: Generation, results: Path | None) -> str:
    metrics, manifest = generation.metrics, generation.manifest
    shown = generations.published(settings)
    is_good = metrics["published"] or (shown is not None and shown.id == generation.id)
    experiment = _experiment(client, settings)
    run = _run(client, experiment, generation)
    tags = {"published": is_good, "reason": metrics["reason"]}
    tags |= {name: manifest.get(name) for name in ("parent", "events_version")}
    _write(client, run, params=_params(manifest), metrics=metrics, tags=tags, at=_made_at(generation))
    _write_files(client, run, generation, results)
    if is_good and not _versions(client, generation):
        _register(client, experiment, run, generation)
    if shown and (versions := _versions(client, shown)):
        client.set_registered_model_alias(MODEL, PUBLISHED, versions[0])
    client.set_terminated(run, end_time=_made_at(generation))
    return run


def _experiment(client: Any, settings: Settings) -> str:
    """Its id; where there is no server to keep them, files lie in the data folder."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    has_server = _uri(settings).partition(":")[0] in _SERVERS
    files = None if has_server else (settings.data_dir / "mlflow" / "artifacts").absolute().as_uri()
    return str(client.create_experiment(EXPERIMENT, artifact_location=files))


def _run(client: Any, experiment: str, generation: Generation) -> str:
    """The run of a generation, a new one only when there is none."""
    begun = _made_at(generation) - _lasted(generation.metrics)
    return _run_tagged(client, experiment, "generation", generation.id, begun, {"generation": generation.id})


def _run_tagged(
    client: Any, experiment: str, kind: str, name: str, begun: int, tags: Mapping[str, str]
) -> str:
    """The run that is tagged as `kind` with this name, a new one only when there is none."""
    found = client.search_runs([experiment], f"tags.{kind} = '{name}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    return str(client.create_run(experiment, run_name=name, start_time=begun, tags=dict(tags)).info.run_id)


def _lasted(said: Mapping[str, Any]) -> int:
    """Milliseconds of all steps together."""
    return round(1000 * sum(said.get("seconds", {}).values()))


def _write(
    client: Any,
    run: str,
    *,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    tags: Mapping[str, Any] | None = None,
    at: int | None = None,
) -> None:
    """Everything that is not empty; a metric that was logged at the same time before is not doubled."""
    from mlflow.entities import Metric, Param, RunTag

    at = at if at is not None else round(1000 * datetime.now().timestamp())
    client.log_batch(
        run,
        metrics=[Metric(name, value, at, 0) for name, value in _numbers(metrics).items()],
        params=[Param(name, _text(value)) for name, value in params.items() if value not in (None, "")],
        tags=[RunTag(name, _text(value)) for name, value in (tags or {}).items() if value not in (None, "")],
    )


def _write_files(client: Any, run: str, generation: Generation, results: Path | None) -> None:
    for name in (generations.MANIFEST, generations.METRICS):
        client.log_artifact(run, str(generation.folder / name))
    if results and generations.published_in(results) == generation.id:
        for path in sorted(path for pattern in _RESULTS for path in results.glob(pattern)):
            client.log_artifact(run, str(path), "results")


def _params(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide a model, `from.` each that is not a default, and the versions it was made with."""
    given = decisive(manifest.get("settings", {}))
    return (
        {name: setting["value"] for name, setting in given.items()}
        | {f"from.{name}": setting["origin"] for name, setting in given.items() if setting["origin"] != "default"}
        | {name: manifest.get(name) for name in ("events_version", "rmse", "rebuilt_from", "fault")}
        | {f"versions.{name}": version for name, version in manifest.get("versions", {}).items()}
    )


def _measured(trial: Mapping[str, Any]) -> dict[str, Any]:
    return {**trial["metrics"], "seconds": trial["seconds"]}


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Every number, at whatever depth, by its path: metrics.ndcg_at_10."""
    leaves = dict(_leaves(metrics))
    return {
        name: float(value) for name, value in leaves.items() if isinstance(value, Real) and not isinstance(value, bool)
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        yield path, value
        return
    for name, below in inner:
        yield from _leaves(below, f"{path}.{name}" if path else str(name))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:_LONGEST]


def _made_at(generation: Generation) -> int:
    """In milliseconds, as MLflow counts."""
    return round(1000 * generation.made_at.timestamp())


# The model.


def _versions(client: Any, generation: Generation) -> list[str]:
    """Versions of the registered model that hold this generation."""
    found = client.search_model_versions(f"name = '{MODEL}' and tags.generation = '{generation.id}'")
    return [str(one.version) for one in found]


def _register(client: Any, experiment: str, run: str, generation: Generation) -> None:
    """Log its lists as a model, and make of that a version of the registered one."""
    from mlflow.entities import LoggedModelOutput

    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL, description="Lists for users, as Millstream published them.")
    named = {"generation": generation.id}
    model = client.create_logged_model(experiment, name=MODEL, source_run_id=run, tags=named)
    with tempfile.TemporaryDirectory() as home:
        _save(generation, Path(home), model.model_id, run)
        client.log_model_artifacts(model.model_id, str(Path(home) / "model"))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, step=0)])
    client.create_model_version(
        MODEL, model.artifact_location, run, tags=named, await_creation_for=PATIENCE, model_id=model.model_id
    )


def _save(generation: Generation, home: Path, model_id: str, run: str) -> None:
    """The model as a folder `home`/model: data, code, signature, an example, what it needs."""
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = {"str": "string", "int32": "integer", "float32": "float"}
    users = generations.scan(generation, generations.USERS, columns=["user"])["user"].slice(0, 1).to_pylist()
    pyfunc.save_model(
        str(home / "model"),
        loader_module=logged_model.__name__.rpartition(".")[2],
        data_path=str(_gathered(generation, home / "generation")),
        code_paths=[logged_model.__file__],
        signature=ModelSignature(
            Schema([ColSpec("string", "user"), ColSpec("long", "n", required=False)]),
            Schema([ColSpec(kinds[kind], name) for name, kind in logged_model.COLUMNS.items()]),
        ),
        input_example=pd.DataFrame({"user": users or ["anyone"], "n": [3]}),
        pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in ("mlflow", "pandas", "pyarrow")],
        mlflow_model=Model(model_id=model_id, run_id=run),
    )


def _gathered(generation: Generation, folder: Path) -> Path:
    """A folder of links to what belongs to the model."""
    parts = [part for name in _TABLES for part in (generation.folder / name).glob("*.parquet")]
    arrays = [generation.folder / name for name in _ARRAYS if (generation.folder / name).exists()]
    for path in [*parts, *arrays]:
        link = folder / path.relative_to(generation.folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.absolute())
    return folder


# The way to MLflow.


def _uri(settings: Settings) -> str:
    given = settings.mlflow_uri.get_secret_value()
    return f"sqlite:///{(settings.data_dir / 'mlflow' / 'mlflow.db').absolute()}" if given == EMBEDDED else given


def _client(uri: str) -> Any:
    """A client that gives up within seconds, and says nothing on the terminal."""
    import mlflow
    from mlflow import environment_variables as variables
    from mlflow import telemetry

    for name, value in _LIMITS.items():
        variable = getattr(variables, name)
        if not variable.is_set():
            variable.set(value)
    telemetry.set_telemetry_client()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    _touch(uri)
    return mlflow.MlflowClient(uri, uri)


def _touch(uri: str) -> None:
    """Try a database once: MLflow tries ten times, for minutes. A server is tried by the first call."""
    import sqlalchemy
    from mlflow.store.db.db_types import DATABASE_ENGINES, SQLITE

    kind = re.split(r"[+:]", uri)[0]
    if kind not in DATABASE_ENGINES:
        return
    url = sqlalchemy.make_url(uri)
    if kind == SQLITE and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    limit = {"connect_timeout" if kind in ("postgresql", "mysql") else "timeout": PATIENCE}
    engine = sqlalchemy.create_engine(url, connect_args=limit)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if kind == SQLITE else "SELECT 1")
    finally:
        engine.dispose()


def _cause(error: BaseException) -> str:
    """The innermost reason that has words for it."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    for one in reversed(chain):
        if isinstance(one, ModuleNotFoundError) and one.name == "mlflow":
            return "MLflow is not installed (pip install -r requirements-extras.txt)"
        if isinstance(one, TimeoutError) and not one.strerror:
            return f"no answer within {PATIENCE} s"
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
        if original := getattr(one, "orig", None):
            return _first_line(original)
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:_REASON] if lines else type(error).__name__


def _hidden(text: str) -> str:
    """Without what may be a secret in an address: who logs in, with what, and a query."""
    return re.sub(r"(\w://)[^/\s]*@", rf"\1{MASK}@", re.sub(r"(\w://[^\s?]*)\?[^\s:]*", r"\1", text))
