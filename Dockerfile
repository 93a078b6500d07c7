# One image for the producer, Spark's master and workers, the app, the API and the page: the command chooses the program.
FROM python:3.11-slim-bookworm

# libgomp1 is for the engine implicit, OpenBLAS for MLlib. libnss-unknown gives any user id a name: Hadoop refuses to
# log in one that /etc/passwd does not know. libgl1 and libglib2.0-0 are for what reads the words in pictures.
# Java registers its manual pages also where there are none, as in a slim image.
RUN mkdir -p /usr/share/man/man1 \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
        openjdk-17-jre-headless libgl1 libglib2.0-0 libgomp1 libnss-unknown libopenblas0-pthread \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY --chmod=0755 requirements-serve.txt requirements-s3.txt requirements.txt ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir -r requirements-serve.txt -r requirements-s3.txt \
    -r requirements.txt
# What a profile of docker-compose.yml needs beside: MLflow, or Airflow in an environment of its own.
ARG EXTRAS=
COPY --chmod=0755 requirements-extras.txt requirements-airflow.txt ./
RUN case ",$EXTRAS," in *,mlflow,*) /opt/venv/bin/pip install --no-cache-dir -r requirements-extras.txt ;; esac \
    && case ",$EXTRAS," in *,airflow,*) python -m venv /opt/airflow \
        && /opt/airflow/bin/pip install --no-cache-dir -r requirements-airflow.txt ;; esac
ENV PATH="/opt/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# Spark's packages come into the image, so that no container needs a network to start. These modules are all that
# fetching them takes: a change elsewhere does not fetch them again. With --build-arg S3=yes those for a bucket come too.
ARG S3=
COPY --chmod=0755 spark_app/__init__.py spark_app/blocks.py spark_app/schemas.py spark_app/session.py spark_app/settings.py \
    spark_app/
COPY --chmod=0755 spark_app/running/__init__.py spark_app/running/class_archive.py spark_app/running/cluster.py \
    spark_app/running/errors.py spark_app/running/java.py spark_app/running/
COPY --chmod=0755 spark_app/storage/__init__.py spark_app/storage/bucket.py spark_app/storage/places.py spark_app/storage/
RUN python -c 'import os; from pathlib import Path; from spark_app import session, settings; \
    session.fetch_jars(settings.load(), Path("/opt/jars"), in_bucket=bool(os.environ.get("S3")))'

COPY --chmod=0755 spark_app spark_app
COPY --chmod=0755 kafka_producer kafka_producer
COPY --chmod=0755 pictures pictures
COPY --chmod=0755 dags dags
COPY --chmod=0755 visualize_graph.py ./

# Any user may be the one who runs it: a new volume takes over who may write to its folder here.
RUN install -d -m 0777 /data /data/inbox /results /mlflow
ENV HOME=/tmp NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib \
    MILLSTREAM_DATA_DIR=/data MILLSTREAM_RESULTS_DIR=/results MILLSTREAM_SPARK__JARS=/opt/jars \
    MILLSTREAM_SPARK__CLASS_ARCHIVE=false
USER 1000:1000
CMD ["python", "-m", "spark_app", "--help"]
