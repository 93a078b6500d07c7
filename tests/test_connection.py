import pytest

from spark_app import decisive, settings
from spark_app.blocks import Kafka, Security
from spark_app.intake import connection
from spark_app.settings import WrongSettingError

LOGIN = {"user": "ann", "password": "canary"}


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "some.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    return path


def secured(**fields):
    return Kafka(bootstrap_servers="one:9092,two:9092", security=Security(**fields))


def test_without_settings_nothing_is_encrypted_and_nobody_logs_in():
    assert connection.for_spark(Kafka()) == {
        "kafka.bootstrap.servers": "localhost:9092",
        "kafka.security.protocol": "PLAINTEXT",
    }
    assert connection.for_python(Kafka()) == {
        "bootstrap_servers": ["localhost:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_both_clients_get_the_same_certificates(pem):
    kafka = secured(protocol="SSL", ca_file=pem, cert_file=pem, key_file=pem)
    assert connection.for_python(kafka) == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "security_protocol": "SSL",
        "ssl_cafile": str(pem),
        "ssl_certfile": str(pem),
        "ssl_keyfile": str(pem),
    }
    options = connection.for_spark(kafka)
    assert options["kafka.ssl.truststore.type"] == options["kafka.ssl.keystore.type"] == "PEM"
    for name in ("truststore.certificates", "keystore.certificate.chain", "keystore.key"):
        assert options[f"kafka.ssl.{name}"] == pem.read_text()


def test_both_clients_get_the_same_login():
    kafka = secured(protocol="SASL_PLAINTEXT", mechanism="SCRAM-SHA-512", **LOGIN)
    python, spark = connection.for_python(kafka), connection.for_spark(kafka)
    assert (python["sasl_plain_username"], python["sasl_plain_password"]) == ("ann", "canary")
    assert python["sasl_mechanism"] == spark["kafka.sasl.mechanism"] == "SCRAM-SHA-512"
    assert spark["kafka.sasl.jaas.config"] == (
        'org.apache.kafka.common.security.scram.ScramLoginModule required username="ann" password="canary";'
    )


def test_quotes_in_a_password_stay_part_of_it():
    kafka = secured(protocol="SASL_SSL", user="ann", password='a"b\\c')
    assert r'password="a\"b\\c";' in connection.for_spark(kafka)["kafka.sasl.jaas.config"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"protocol": "SASL_SSL", "password": "canary"}, "USER is not set"),
        ({"protocol": "SASL_SSL", "user": "ann"}, "PASSWORD is not set"),
        ({"protocol": "SSL", "user": "ann", "password": "canary"}, "USER is set, and"),
        ({"password": "canary"}, "PASSWORD is set, and"),
        ({"ca_file": "ca.pem"}, "CA_FILE is set, and MILLSTREAM_KAFKA__SECURITY__PROTOCOL=PLAINTEXT"),
        ({"protocol": "SSL", "ca_file": "nowhere.pem"}, "CA_FILE=nowhere.pem: expected a PEM file"),
        ({"protocol": "SSL", "cert_file": __file__}, "KEY_FILE is not set"),
        ({"protocol": "SSL", "key_file": __file__}, "CERT_FILE is not set"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name_in_one_line(fields, named):
    for made_for in (connection.for_spark, connection.for_python):
        with pytest.raises(WrongSettingError) as refusal:
            made_for(secured(**fields))
        assert f"MILLSTREAM_KAFKA__SECURITY__{named}" in str(refusal.value)
        assert "canary" not in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.fixture
def canary(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLSTREAM_KAFKA__SECURITY__PASSWORD", "canary")


@pytest.mark.usefixtures("canary")
def test_a_password_is_masked_wherever_settings_are_shown():
    loaded = settings.load()
    shown = {row[0]: row[1] for row in settings.listed(loaded)}
    assert shown["MILLSTREAM_KAFKA__SECURITY__PASSWORD"] == settings.MASK
    assert shown["MILLSTREAM_KAFKA__SECURITY__USER"] == ""
    assert "canary" not in f"{settings.listed(loaded)}{decisive.recorded(loaded)}{loaded}{loaded.model_dump_json()}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MILLSTREAM_KAFKA__SECURITY", '{"password": "canary"'),
        ("MILLSTREAM_KAFKA", '{"security": {"password": "canary"}'),
        ("MILLSTREAM_KAFKA", '{"security": {"password": {"is": "canary"}}}'),
        ("MILLSTREAM_KAFKA__SECURITY", '["canary"]'),
        ("MILLSTREAM_KAFKA__SECURITY__PROTOCOLS", "canary"),
    ],
)
def test_a_password_in_a_setting_that_cannot_be_read_is_not_shown(monkeypatch, tmp_path, name, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettingError) as refusal:
        settings.load()
    assert "canary" not in str(refusal.value)
    assert "MILLSTREAM_KAFKA" in str(refusal.value)
