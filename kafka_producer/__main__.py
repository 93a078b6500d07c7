"""python -m kafka_producer VERB: the command line, one line for whatever goes wrong, and the exit codes.

0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from kafka_producer import broker_verbs, verbs
from kafka_producer.broker import BrokerError
from kafka_producer.progress import say
from kafka_producer.replay import ReplayError
from kafka_producer.send import DeliveryError
from spark_app.intake.topic import TopicError
from spark_app.layouts import UnknownHeaderError
from spark_app.running.java import NoJavaError
from spark_app.settings import WrongSettingError

FAILED, WRONG_USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
verbs.add_to(app)
app.add_typer(broker_verbs.app, name="broker")


@app.callback()
def producer() -> None:
    """Produce events for Millstream to read."""


def main() -> int:
    """The exit code; what went wrong is one line."""
    signal.signal(signal.SIGTERM, _end)
    try:
        return app(prog_name="python -m kafka_producer", standalone_mode=False) or 0
    except TyperException as error:
        return _failed(error.format_message(), error.exit_code)
    except WrongSettingError as error:
        return _failed(str(error), WRONG_USAGE)
    except (BrokerError, DeliveryError, NoJavaError, ReplayError, TopicError, UnknownHeaderError) as error:
        return _failed(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        say("stopped")
        return INTERRUPTED


def _failed(message: str, code: int) -> int:
    say(f"error: {' '.join(message.split())}")
    return code


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends in good order, as Ctrl-C does."""
    sys.exit(TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
