"""How a broker is connected to: settings in, the options of Spark's source and the arguments of kafka-python out.

No Spark and no Kafka client here. Both are given the same certificates: Spark as text, so that the executors of a
cluster need no file.
"""

from pathlib import Path

from spark_app.blocks import Kafka, Security
from spark_app.settings import PREFIX, WrongSettingError

_MODULES = "org.apache.kafka.common.security"
_PLAIN = f"{_MODULES}.plain.PlainLoginModule"
_SCRAM = f"{_MODULES}.scram.ScramLoginModule"


def for_spark(kafka: Kafka) -> dict[str, str]:
    """Options of Spark's Kafka source and sink; WrongSettingError when the settings do not go together."""
    security = _consistent(kafka.security)
    options = {"bootstrap.servers": kafka.bootstrap_servers, "security.protocol": security.protocol}
    if _is_encrypted(security):
        options |= _certificates(security)
    if _logs_in(security):
        options |= {"sasl.mechanism": security.mechanism, "sasl.jaas.config": _login(security)}
    return {f"kafka.{name}": value for name, value in options.items()}


def for_python(kafka: Kafka) -> dict[str, str | list[str]]:
    """Arguments of kafka-python's clients; WrongSettingError when the settings do not go together."""
    security = _consistent(kafka.security)
    arguments: dict[str, str | list[str]] = {
        "bootstrap_servers": kafka.bootstrap_servers.split(","),
        "security_protocol": security.protocol,
    }
    files = {"ssl_cafile": security.ca_file, "ssl_certfile": security.cert_file, "ssl_keyfile": security.key_file}
    arguments |= {name: str(file) for name, file in files.items() if file}
    if _logs_in(security):
        arguments |= {
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.user,
            "sasl_plain_password": security.password.get_secret_value(),
        }
    return arguments


def _consistent(security: Security) -> Security:
    """The same settings, if each goes with the others and each file can be read."""
    login = {"user": security.user, "password": security.password.get_secret_value()}
    files = {"ca_file": security.ca_file, "cert_file": security.cert_file, "key_file": security.key_file}
    for name, value in login.items():
        if bool(value) != _logs_in(security):
            raise _refusal(name, value, "SASL_PLAINTEXT or SASL_SSL", security)
    for name, file in files.items():
        if file and not _is_encrypted(security):
            raise _refusal(name, str(file), "SSL or SASL_SSL", security)
        if file:
            _text(name, file)
    if bool(security.cert_file) != bool(security.key_file):
        given, missing = ("cert_file", "key_file") if security.cert_file else ("key_file", "cert_file")
        raise WrongSettingError(f"{_variable(missing)} is not set: expected it beside {_variable(given)}")
    return security


def _refusal(name: str, value: str, protocols: str, security: Security) -> WrongSettingError:
    """What is set and should not be, or the other way round; never its value."""
    protocol = f"{_variable('protocol')}={security.protocol}"
    if value:
        return WrongSettingError(f"{_variable(name)} is set, and {protocol}: expected {protocols}, or {name} unset")
    return WrongSettingError(f"{_variable(name)} is not set: {protocol} needs it")


def _certificates(security: Security) -> dict[str, str]:
    """As Java's client takes them, in PEM."""
    found: dict[str, str] = {}
    if security.ca_file:
        found |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": _text("ca_file", security.ca_file)}
    if security.cert_file and security.key_file:
        found |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": _text("cert_file", security.cert_file),
            "ssl.keystore.key": _text("key_file", security.key_file),
        }
    return found


def _login(security: Security) -> str:
    """The line of JAAS for a user and a password, both quoted."""
    module = _PLAIN if security.mechanism == "PLAIN" else _SCRAM
    password = _quoted(security.password.get_secret_value())
    return f"{module} required username={_quoted(security.user)} password={password};"


def _text(name: str, file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise WrongSettingError(f"{_variable(name)}={file}: expected a PEM file that can be read ({why})") from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_encrypted(security: Security) -> bool:
    return security.protocol.endswith("SSL")


def _logs_in(security: Security) -> bool:
    return security.protocol.startswith("SASL")


def _variable(name: str) -> str:
    return f"{PREFIX}KAFKA__SECURITY__{name.upper()}"
