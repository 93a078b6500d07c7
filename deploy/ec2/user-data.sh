#!/bin/bash
# A bare Debian 12 -> Millstream that takes in, trains, publishes, answers and shows its page, as services of systemd.
# To be given as user data to an EC2 instance that has the role of docs/aws.md. Run again, as root, it brings the
# machine to what it is told then: another release, other settings. Keys and data stay; what is there is not made anew.
set -Eeuo pipefail
trap 'echo "error: line $LINENO: $BASH_COMMAND" >&2' ERR

# --- to be set, here or in the environment ---
# The archive of a release: git archive --format tar.gz --output millstream.tar.gz HEAD. s3://, https:// or file://.
RELEASE="${RELEASE:-s3://your-bucket/millstream/releases/millstream.tar.gz}"
# sha256sum of it; empty: not looked at.
RELEASE_SHA256="${RELEASE_SHA256:-}"
# Where data and results are: in a bucket, or in a folder below /var/lib/millstream.
DATA="${DATA:-s3a://your-bucket/millstream/data}"
RESULTS="${RESULTS:-s3a://your-bucket/millstream/results}"
# host:port of one or more brokers, and the topic; no brokers: files that come into DATA/inbox.
BROKERS="${BROKERS:-}"
TOPIC="${TOPIC:-sales}"
# Where the API and the page listen: 127.0.0.1, or own, the machine's address, for what puts TLS before them.
LISTEN="${LISTEN:-127.0.0.1}"
# Half of the memory is the heap of Spark's driver; Python, the API and the page have the rest.
DRIVER_MEMORY="${DRIVER_MEMORY:-$(awk '/^MemTotal/ { printf "%dm", $2 / 2048 }' /proc/meminfo)}"
# Of the bucket; empty: that of the machine.
REGION="${REGION:-}"

HOME_DIR=/opt/millstream STATE=/var/lib/millstream CACHE=/var/cache/millstream CONFIG=/etc/millstream
UNITS=/etc/systemd/system
# As requirements-s3.txt has it: it fetches the release, too.
BOTO3=boto3==1.43.117

die() { echo "error: $*" >&2; exit 1; }
say() { echo "millstream: $*"; }
# What comes over the network may fail once.
again() { "$@" || { sleep 10 && "$@"; } || { sleep 30 && "$@"; }; }

look() {
    case "$RELEASE $DATA $RESULTS" in *your-bucket*) die "RELEASE, DATA or RESULTS still says your-bucket" ;; esac
    [ "$LISTEN" != own ] || LISTEN="$(hostname -I | cut -d ' ' -f 1)"
    case "$LISTEN" in "" | 0.0.0.0) die "LISTEN=$LISTEN: expected 127.0.0.1, own, or an address of this machine" ;; esac
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && echo "$ID $VERSION_ID")" = "debian 12" ] || die "expected Debian 12, see /etc/os-release"
    [ "$(id -u)" = 0 ] || die "this is to be run as root"
}

find_region() {
    case "$RELEASE $DATA $RESULTS" in *s3://* | *s3a://*) ;; *) return ;; esac
    [ -n "$REGION" ] || REGION="$(own_region)" || die "REGION is not set, and EC2 does not say where this is"
}

# By the metadata service of EC2, in its second version.
own_region() {
    local at=http://169.254.169.254/latest token
    token="$(curl -fsS -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$at/api/token")" &&
        curl -fsS -m 5 -H "X-aws-ec2-metadata-token: $token" "$at/meta-data/placement/region"
}

install_packages() {
    say "packages"
    export DEBIAN_FRONTEND=noninteractive
    # Another apt may be at work on a machine that has just started.
    again apt-get -o DPkg::Lock::Timeout=300 update -qq
    again apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends \
        ca-certificates curl openjdk-17-jre-headless libgl1 libglib2.0-0 libgomp1 libopenblas0-pthread \
        python3 python3-venv >/dev/null
}

make_user() {
    getent passwd millstream >/dev/null ||
        useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin millstream
    install -d -m 0750 -o millstream -g millstream "$STATE" "$CACHE"
    install -d -m 0755 "$HOME_DIR" "$HOME_DIR/releases" "$CONFIG"
}

fetch_release() {
    say "release $RELEASE"
    case "$RELEASE" in
    s3://*)
        [ -x "$HOME_DIR/fetch/bin/python" ] || python3 -m venv "$HOME_DIR/fetch"
        again "$HOME_DIR/fetch/bin/pip" install -q --disable-pip-version-check "$BOTO3"
        AWS_DEFAULT_REGION="$REGION" "$HOME_DIR/fetch/bin/python" - "$RELEASE" "$1" <<'EOF'
import sys

import boto3

bucket, _, key = sys.argv[1].removeprefix("s3://").partition("/")
boto3.client("s3").download_file(bucket, key, sys.argv[2])
EOF
        ;;
    *) curl -fsSL --retry 3 --output "$1" "$RELEASE" ;;
    esac
    [ -z "$RELEASE_SHA256" ] || echo "$RELEASE_SHA256  $1" | sha256sum --check --quiet ||
        die "$RELEASE is not what RELEASE_SHA256 says"
}

# Each release has a folder of its own, with its Python packages and Spark's jars: the services start without a network.
install_release() {
    local archive release
    archive="$(mktemp)"
    fetch_release "$archive"
    release="$HOME_DIR/releases/$(sha256sum "$archive" | cut -c 1-12)"
    if [ ! -e "$release/.ready" ]; then
        # What was half done is brought to its end.
        install -d -m 0755 "$release"
        tar -xzf "$archive" -C "$release" --no-same-owner
        python3 -m venv "$release/.venv"
        again "$release/.venv/bin/pip" install -q --disable-pip-version-check \
            -r "$release/requirements-serve.txt" -r "$release/requirements-s3.txt"
        again env -C "$release" MILLSTREAM_SPARK__CLASS_ARCHIVE=false .venv/bin/python -c '
from pathlib import Path
from spark_app import session, settings
session.fetch_jars(settings.load(), Path("jars"), in_bucket=True)'
        "$release/.venv/bin/python" -m compileall -q "$release/spark_app" "$release/pictures"
        touch "$release/.ready"
    fi
    rm -f "$archive"
    touch "$release"
    ln -sfn "$release" "$HOME_DIR/current"
    forget_older
}

# The one before stays, to go back to: RELEASE names its archive again.
forget_older() {
    find "$HOME_DIR/releases" -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -rn | cut -d ' ' -f 2- | tail -n +3 |
        xargs -r rm -rf
}

write_settings() {
    say "settings in $CONFIG"
    cat >"$CONFIG/settings.env" <<EOF
MILLSTREAM_DATA_DIR=$DATA
MILLSTREAM_RESULTS_DIR=$RESULTS
MILLSTREAM_S3__COPIES=$CACHE/s3
MILLSTREAM_SOURCE=$([ -n "$BROKERS" ] && echo kafka || echo files)
${BROKERS:+MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS=$BROKERS}
MILLSTREAM_KAFKA__TOPIC=$TOPIC
MILLSTREAM_SPARK__DRIVER_MEMORY=$DRIVER_MEMORY
MILLSTREAM_SPARK__JARS=$HOME_DIR/current/jars
MILLSTREAM_SERVE__HOST=$LISTEN
MILLSTREAM_WEB__HOST=$LISTEN
MILLSTREAM_WEB__API_URL=http://$LISTEN:8000
${REGION:+AWS_REGION=$REGION
AWS_DEFAULT_REGION=$REGION}
HOME=$STATE
NUMBA_CACHE_DIR=$CACHE/numba
MPLCONFIGDIR=$CACHE/matplotlib
PYTHONPATH=$HOME_DIR/current
EOF
    # Made once, and kept. own.env is for what else is to be set, and stands above the others.
    [ -e "$CONFIG/keys.env" ] || (umask 077 && make_keys >"$CONFIG/keys.env.new" &&
        mv "$CONFIG/keys.env.new" "$CONFIG/keys.env")
    [ -e "$CONFIG/own.env" ] || install -m 0600 /dev/null "$CONFIG/own.env"
}

make_keys() {
    local name
    for name in SERVE__READ_KEY SERVE__WRITE_KEY SERVE__ADMIN_KEY WEB__PASSWORD; do
        python3 -c 'import secrets, sys; print(f"MILLSTREAM_{sys.argv[1]}={secrets.token_hex(24)}")' "$name"
    done
}

# unit NAME, WHAT IT DOES, VERB AND ITS ARGUMENTS, MORE LINES OF ITS SERVICE
unit() {
    cat >"$UNITS/millstream-$1.service" <<EOF
[Unit]
Description=Millstream: $2
After=network-online.target
Wants=network-online.target

[Service]
User=millstream
Group=millstream
EnvironmentFile=$CONFIG/settings.env
EnvironmentFile=$CONFIG/keys.env
EnvironmentFile=$CONFIG/own.env
WorkingDirectory=$STATE
ExecStart=$HOME_DIR/current/.venv/bin/python -m spark_app $3
${4:-}
Restart=on-failure
RestartSec=15
RestartPreventExitStatus=2
# Python ends its own Java and workers; what is left after that is killed.
KillMode=mixed
TimeoutStopSec=45
UMask=0027
NoNewPrivileges=true
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
PrivateDevices=true
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectControlGroups=true
RestrictSUIDSGID=true
LockPersonality=true
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
StateDirectory=millstream
StateDirectoryMode=0750
CacheDirectory=millstream
CacheDirectoryMode=0750

[Install]
WantedBy=multi-user.target
EOF
}

write_units() {
    say "services"
    unit app "takes in, trains, publishes, and tidies once a day" "run --follow"
    unit api "answers" "serve --port 8000"
    # Without an API that answers the page would start one of its own, at the same port.
    local patience="--retry 60 --retry-delay 2 --retry-connrefused"
    unit web "the page" "web --port 8501" \
        "TimeoutStartSec=180
ExecStartPre=/usr/bin/curl -fsS -o /dev/null $patience http://$LISTEN:8000/health/live"
}

# As a service has them.
as_service() {
    (
        set -a
        # shellcheck source=/dev/null
        . "$CONFIG/settings.env" && . "$CONFIG/keys.env" && . "$CONFIG/own.env"
        cd "$STATE" && exec runuser -u millstream -- "$HOME_DIR/current/.venv/bin/python" -m spark_app "$@"
    )
}

start() {
    systemctl enable -q millstream-app millstream-api millstream-web
    # Where an image is made systemd does not run: they start with the machine.
    [ -d /run/systemd/system ] || { say "enabled; they start with the machine"; return; }
    systemctl daemon-reload
    systemctl restart millstream-app millstream-api
    systemctl restart --no-block millstream-web
    say "started; journalctl -u 'millstream-*' shows how they go, $CONFIG/keys.env holds keys and the page's password"
}

look
install_packages
find_region
make_user
install_release
write_settings
write_units
as_service doctor --quick || die "as doctor says: is the role of the machine that of docs/aws.md?"
start
