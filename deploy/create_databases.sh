#!/usr/bin/env bash
# Run by PostgreSQL's image when its volume is empty: an account a program, which owns its databases.
set -euo pipefail

create() {
  local account=$1 password=$2
  shift 2
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set account="$account" --set password="$password" <<'SQL'
CREATE ROLE :"account" LOGIN PASSWORD :'password';
SQL
  for database in "$@"; do
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
      --set account="$account" --set database="$database" <<'SQL'
CREATE DATABASE :"database" OWNER :"account" ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
  done
}

create airflow "$AIRFLOW_DB_PASSWORD" airflow
create tradeops "$LEDGER_DB_PASSWORD" ledger paper_broker checkpoints
create mlflow "$MLFLOW_DB_PASSWORD" mlflow mlflow_auth # MLflow's version table has the name of the ledger's
