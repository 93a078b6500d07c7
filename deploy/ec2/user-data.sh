#!/bin/bash
# A bare Debian 12 -> Millstream that takes in, trains, publishes, answers and shows its page, as services of systemd.
# To be given as user data to an EC2 instance that has the role of docs/aws.md; run again, it installs what is new.
set -euo pipefail

# --- to be set ---
# The archive of a release: git archive --format tar.gz --output millstream.tar.gz HEAD. s3://, https:// or file://.
RELEASE="${RELEASE:-s3://your-bucket/millstream.tar.gz}"
# Where data and results are: a bucket, or a folder such as /srv/millstream/data.
DATA="${DATA:-s3a://your-bucket/millstream/data}"
RESULTS="${RESULTS:-s3a://your-bucket/millstream/results}"
BROKERS="${BROKERS:-kafka.example:9092}"
# Half of the memory is for Spark's driver; a quarter would be for a machine that answers much.
DRIVER_MEMORY="${DRIVER_MEMORY:-$(awk '/MemTotal/ { printf "%dm", $2 / 2048 }' /proc/meminfo)}"

# --- packages ---
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
    ca-certificates curl make openjdk-17-jre-headless libgomp1 libopenblas0-pthread python3 python3-venv
if [[ "$RELEASE" == s3://* ]]; then apt-get install -y -qq --no-install-recommends awscli; fi

# --- the program, and a user that it runs as ---
id millstream >/dev/null 2>&1 || useradd --system --create-home --home-dir /srv/millstream millstream
install -d -o millstream -g millstream /opt/millstream
case "$RELEASE" in
s3://*) aws s3 cp "$RELEASE" /tmp/millstream.tar.gz ;;
*) curl -fsSL --output /tmp/millstream.tar.gz "$RELEASE" ;;
esac
tar -xzf /tmp/millstream.tar.gz -C /opt/millstream
chown -R millstream:millstream /opt/millstream
runuser -u millstream -- make -C /opt/millstream .venv/.serve java
runuser -u millstream -- /opt/millstream/.venv/bin/pip install -q -r /opt/millstream/requirements-s3.txt

# --- settings: keys are made once, and stay ---
if [ ! -e /etc/millstream.env ]; then
    umask 077
    key() { python3 -c 'import secrets; print(secrets.token_hex(24))'; }
    read_key="$(key)"
    cat >/etc/millstream.env <<EOF
MILLSTREAM_DATA_DIR=$DATA
MILLSTREAM_RESULTS_DIR=$RESULTS
MILLSTREAM_SOURCE=kafka
MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS=$BROKERS
MILLSTREAM_SPARK__DRIVER_MEMORY=$DRIVER_MEMORY
MILLSTREAM_SERVE__READ_KEY=$read_key
MILLSTREAM_SERVE__WRITE_KEY=$(key)
MILLSTREAM_SERVE__ADMIN_KEY=$(key)
MILLSTREAM_WEB__PASSWORD=$(key)
EOF
    umask 022
fi

# --- services ---
service() {
    cat >"/etc/systemd/system/millstream-$1.service" <<EOF
[Unit]
Description=Millstream: $2
After=network-online.target
Wants=network-online.target

[Service]
User=millstream
WorkingDirectory=/srv/millstream
EnvironmentFile=/etc/millstream.env
ExecStart=/opt/millstream/.venv/bin/python -m spark_app $3
Environment=PYTHONPATH=/opt/millstream
Restart=on-failure
RestartSec=10
TimeoutStopSec=40
NoNewPrivileges=true
ProtectSystem=strict
ReadWritePaths=/srv/millstream
PrivateTmp=true

[Install]
WantedBy=multi-user.target
EOF
}
service app "takes in, trains, publishes" "run --follow --source kafka"
service api "answers" "serve --host 127.0.0.1 --port 8000"
service web "the page" "web --host 127.0.0.1 --port 8501"
systemctl enable millstream-app millstream-api millstream-web
# Where an image is built, systemd does not run: they start with the machine.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl restart millstream-app millstream-api millstream-web
fi
