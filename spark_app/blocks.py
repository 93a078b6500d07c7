"""Blocks of settings that belong together; each is a part of settings.Settings."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr


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


# What is not set is this where nothing is learnt.
REGULARIZATION, ALPHA, EXPLICIT_REGULARIZATION = 0.1, 1.0, 0.6


class Als(BaseModel):
    """Implicit feedback (Hu, Koren, Volinsky 2008) as Spark MLlib fits it."""

    factors: int = Field(64, ge=1, le=1024, description="length of a factor vector (Spark calls it rank)")
    regularization: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="multiplied by a user's or product's number of interactions; unset: learnt, or 0.1",
    )
    alpha: float | None = Field(
        None, gt=0, le=1e6, description="confidence = 1 + alpha x strength; unset: learnt, or 1"
    )
    iterations: int = Field(10, ge=1, le=1000, description="alternations between users and products")


class Explicit(BaseModel):
    """Explicit feedback: ALS on what global, user and product biases leave of the ratings."""

    factors: int | None = Field(
        None, ge=0, le=1024, description="length of a factor vector; 0: the biases alone; unset: learnt, or 20"
    )
    regularization: float | None = Field(
        None, ge=0, le=1e6, description="multiplied by a user's or product's number of ratings; unset: learnt, or 0.6"
    )
    iterations: int = Field(10, ge=1, le=1000, description="alternations between users and products")
    shrinkage: float = Field(5.0, ge=0, description="ratings that a bias must outweigh before it counts half")


class Blend(BaseModel):
    """What the algorithm `blend` adds up; what is unset is learnt when the algorithm is `auto`, else as said here."""

    base: Literal["als", "bm25", "cosine"] | None = Field(None, description="what the others are added to; unset: als")
    neighbours: Literal["bm25", "cosine"] | None = Field(
        None, description="neighbours that are added to ALS; unset: bm25"
    )
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
    ship_code: bool = Field(
        True, description="executors of a cluster get this program's code; false: it is at the same path there"
    )
    archives: str = Field(
        "", description="packed Pythons and packages for executors, such as env.tar.gz#env; comma separated"
    )
    python: str | None = Field(
        None, description="Python on the executors; default: bin/python of the first archive, else this one's path"
    )
    executors_within: float = Field(
        300, ge=0, description="seconds that a cluster has for its first executor; 0: Spark waits for ever"
    )
    driver_memory: str = Field("4g", pattern=r"^\d+[kmgKMG]$", description="heap of the driver; on one machine of all")
    executor_memory: str = Field("4g", pattern=r"^\d+[kmgKMG]$", description="heap of an executor on a cluster")
    java_options: str = Field("", description="more options for the driver's Java, such as -XX:+UseZGC")
    class_archive: bool = Field(
        True, description="Java's classes are kept in ~/.cache/millstream (180 MB), so that Spark starts faster"
    )
    shuffle_partitions: int | None = Field(None, ge=1, description="default: two for each core")
    als_blocks: int | None = Field(
        None, ge=1, description="blocks a side of MLlib's ALS; default: one a core; up to 2 train the same bit for bit"
    )
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
    s3_package: str = Field(
        "org.apache.hadoop:hadoop-aws:3.4.1", description="Maven coordinate of S3A, for folders in a bucket alone"
    )


def parts(text: str) -> list[str]:
    """What stands between the commas of a setting that may hold several."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _each(pattern: str, expected: str) -> AfterValidator:
    """Refuses a comma separated setting when one of its parts is not of the form that is expected."""

    def checked(text: str) -> str:
        if wrong := [part for part in parts(text) if not re.fullmatch(pattern, part)]:
            raise ValueError(f"{wrong[0]!r} is not {expected}")
        return text

    return AfterValidator(checked)


_Hosts = Annotated[str, _each(r"[\w.-]+|\[[0-9a-fA-F:.]+\]", "a name or address without a port, such as shop.example")]
_Origins = Annotated[str, _each(r"https?://[^/\s*?#@]+", "an origin, such as https://shop.example")]


class Serve(BaseModel):
    """Where the API listens, who may ask it, and how much."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on; beyond loopback a key is needed")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0: one that is free")
    read_key: SecretStr = Field(SecretStr(""), description="X-API-Key that may read; several: comma separated")
    write_key: SecretStr = Field(SecretStr(""), description="the same for one that may also post events and delete")
    admin_key: SecretStr = Field(SecretStr(""), description="the same for one that may do all")
    hosts: _Hosts = Field("", description="names it is called by, beside loopback and the host; comma separated")
    origins: _Origins = Field("", description="pages of other origins that may ask, such as https://shop.example")
    max_body_bytes: int = Field(1_000_000, ge=1, description="bytes of one request at the most")
    max_picture_bytes: int = Field(10_000_000, ge=1, description="bytes of a picture that is to be assigned")
    max_events: int = Field(1_000, ge=1, description="events in one POST at the most")
    rate_limit: float | None = Field(
        None, gt=0, description="requests a second for each key or address; twice as many at once; unset: any number"
    )
    index_from: int = Field(500_000, ge=1, description="products from which lists are found with an index (HNSW)")
    poll_interval: float = Field(0.25, gt=0, description="seconds between two looks at the event table")
    segment_seconds: float = Field(1.0, gt=0, description="seconds between two segments of posted events")


_Url = Annotated[
    str, _each(r"https?://[^/\s?#@,]+(/[^\s?#@,]*)?", "the address of an API, such as http://127.0.0.1:8000")
]


class Web(BaseModel):
    """Where the page is shown, and which API it asks."""

    host: str = Field("127.0.0.1", min_length=1, description="address to show it at; beyond loopback with a password")
    port: int = Field(8501, ge=0, le=65_535, description="port to show it at; 0: one that is free")
    password: SecretStr = Field(SecretStr(""), description="asked of whoever opens it; unset: nobody is asked")
    api_url: _Url = Field("http://127.0.0.1:8000", min_length=1, description="the API that it asks")
    api_key: SecretStr = Field(
        SecretStr(""), description="the X-API-Key it asks with; unset: the first of the API's own that is set here"
    )


class Interests(BaseModel):
    """How posts are read, and what is offered to a group of users who say alike."""

    encoder: Literal["tfidf", "sentences"] = Field(
        "tfidf", description="tfidf: words and what goes with them; sentences: a model of sentence-transformers"
    )
    least_users: int = Field(2, ge=2, description="a word is kept, and told of a group, if so many users say it")
    sentences_model: str = Field("all-MiniLM-L6-v2", min_length=1, description="its name, or the folder that it is in")
    pictures: Path | None = Field(None, description="folder that the paths of posted pictures are in; unset: none")
    fetch: bool = Field(False, description="pictures of posts are also fetched from http and https addresses")
    reader: Literal["ocr", "captions", "gemini", "none"] = Field(
        "ocr", description="how a picture becomes text: what is written in it, a caption, Gemini, or not at all"
    )
    captions_model: str = Field(
        "Salesforce/blip-image-captioning-base", min_length=1, description="of Hugging Face: its name, or its folder"
    )
    gemini_model: str = Field("gemini-2.0-flash", min_length=1, description="asked where GOOGLE_API_KEY is set")
    gemini_url: _Url = Field("https://generativelanguage.googleapis.com", min_length=1, description="where it is asked")
    products: Path = Field(Path("products"), description="folder of CSV files: group,product,name,link,image")


class S3(BaseModel):
    """A bucket that holds the data or the results; credentials and region come by AWS's own chain."""

    endpoint: _Url = Field("", description="address of a service that speaks S3, such as MinIO; unset: Amazon's")
    copies: Path = Field(
        Path("~/.cache/millstream/s3"), description="folder of this machine for copies of what a bucket holds"
    )
    lease_seconds: float = Field(
        60, ge=1, le=3600, description="a lock of which nothing was heard for so long is taken from its holder"
    )

    @property
    def home(self) -> Path:
        """The folder of copies, absolute."""
        return self.copies.expanduser().absolute()
