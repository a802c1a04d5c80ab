#!/bin/bash
# Makes the secrets of one cluster in the folder secrets/ beside this file, and compose's .env with your user's number:
#   ./make-secrets.sh [--without-s3]
# --without-s3 leaves out the S3 store of compose.yaml: for a shared folder, a cloud's own store, or keys of your own.
# A folder that is there already is kept. Every file is its owner's alone, but s3.json, which the S3 server reads as
# another user: on this machine the folder keeps others out.
set -eu
cd "$(dirname "$0")"
umask 077
case "${1:-}" in
    '') has_s3=yes ;;
    --without-s3) has_s3=no ;;
    *) echo "Unknown option $1: ./make-secrets.sh [--without-s3]" >&2; exit 2 ;;
esac
if [ -e secrets ]; then
    echo "$PWD/secrets is there already: remove it to make new ones (the data of the old ones is then out of reach)." >&2
    exit 2
fi
postgres_password=$(openssl rand -hex 24)
mlflow_password=$(openssl rand -hex 24)
s3_key=$(openssl rand -hex 10)
s3_secret=$(openssl rand -hex 24)

mkdir secrets
openssl rand -hex 32 > secrets/token
echo "$postgres_password" > secrets/postgres_password
echo "$mlflow_password" > secrets/mlflow_admin_password

# Every Ray node: what a trial needs to log its run and to keep its checkpoints.
cat > secrets/node.env <<END
MLFLOW_TRACKING_USERNAME=admin
MLFLOW_TRACKING_PASSWORD=$mlflow_password
END
# The tracking server alone.
cat > secrets/tracking.env <<END
MLFLOW_BACKEND_STORE_URI=postgresql://ganlimit:$postgres_password@postgres:5432/mlflow
MLFLOW_FLASK_SERVER_SECRET_KEY=$(openssl rand -hex 32)
END
if [ "$has_s3" = yes ]; then
    tee -a secrets/tracking.env >> secrets/node.env <<END
AWS_ACCESS_KEY_ID=$s3_key
AWS_SECRET_ACCESS_KEY=$s3_secret
AWS_ENDPOINT_URL=http://s3:8333
AWS_DEFAULT_REGION=us-east-1
END
    cat > secrets/s3.json <<END
{"identities": [{"name": "ganlimit",
  "credentials": [{"accessKey": "$s3_key", "secretKey": "$s3_secret"}],
  "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}
END
    chmod 644 secrets/s3.json
fi
# The containers run as the one who owns the secrets, and never as root.
uid=$(id -u) gid=$(id -g)
if [ "$uid" = 0 ]; then
    uid=1000 gid=1000
    chown -R 1000:1000 secrets
fi
printf 'GANLIMIT_UID=%s\nGANLIMIT_GID=%s\n' "$uid" "$gid" > .env
echo "Made $PWD/secrets. Keep it out of version control, and the token with those who may run code on the cluster."
