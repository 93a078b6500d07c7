"""The process that shows the page: Streamlit on an address that is ours, loopback unless there is a password."""

from pathlib import Path

import streamlit
import structlog
import uvicorn
from streamlit.runtime.secrets import SecretsValue

from spark_app.blocks import Web
from spark_app.running import listening, progress
from spark_app.running.listening import LEAST_SECRET, WANTED, Server
from spark_app.settings import Settings, WrongSettingError
from spark_app.web import beside, options, warm
from spark_app.web.door import Door
from spark_app.web.head import Head

PAGES = Path(__file__).parent / "pages.py"
# A page that is open does not keep the process from ending.
_LAST_SECONDS = 2


class NoPasswordError(WrongSettingError):
    """The page would be open to others than this machine."""


def show(settings: Settings) -> None:
    """Show the page until Ctrl-C or SIGTERM. NoPasswordError, AddressError or NoApiError before it begins."""
    web = settings.web
    found = listening.resolved(web.host, web.port)
    if not (here := listening.are_loopback(found)):
        _refuse_open(web)
    listener = listening.listener(found[0], web.host, web.port, "MILLSTREAM_WEB__PORT")
    address = f"http://{listening.bracketed(web.host)}:{listener.getsockname()[1]}"
    options.apply()
    warm.begin()
    with beside.api(settings) as started:
        asked: dict[str, SecretsValue] = {"url": web.api_url, "key": beside.key(settings)}
        pages = streamlit.App(PAGES, secrets={"api": asked}, on_script_error=_failed)
        app = Door(Head(pages), web, known_names=here)
        config = uvicorn.Config(
            app, ws="websockets-sansio", lifespan="on", log_config=None, access_log=False, proxy_headers=False,
            server_header=False, timeout_graceful_shutdown=_LAST_SECONDS,
        )  # fmt: skip
        # Only now: Streamlit has loggers speak as it sees fit.
        listening.log_from("uvicorn.error", "streamlit")
        asks = f"asks {web.api_url}" + (", started beside it" if started else "")
        Server(config, f"the page is at {address}, until Ctrl-C; it {asks}").run([listener])
    progress.note("stopped")


def _failed(error: Exception) -> None:
    """What failed in a page is told in the log; the page says that something did."""
    structlog.get_logger().error("a page failed", exc_info=error)


def _refuse_open(web: Web) -> None:
    """Beyond loopback nobody sees it without a password, nor with one that can be guessed."""
    here = f"MILLSTREAM_WEB__HOST={web.host} is beyond this machine"
    if not (password := web.password.get_secret_value()):
        raise NoPasswordError(f"{here}: set MILLSTREAM_WEB__PASSWORD of {WANTED}")
    if len(password) < LEAST_SECRET:
        raise NoPasswordError(f"{here}, and its password is too short: expected {WANTED}")
