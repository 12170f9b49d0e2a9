#!/usr/bin/env bash
# Brings every store to the installed version, and makes the accounts; what is there already stays.
set -euo pipefail
umask 077

airflow db migrate
create_user() { # name, password, role
  airflow users create --username "$1" --password "$2" --role "$3" --firstname "$1" --lastname tradeops \
    --email "$1@tradeops.invalid"
}
create_user admin "$AIRFLOW_ADMIN_PASSWORD" Admin # the first: its number is 1, by which approvers are named
create_user tradeops_tasks "$AIRFLOW_TASKS_PASSWORD" User

mkdir -p "$(dirname "$TRADEOPS_AIRFLOW_CREDENTIALS_FILE")"
printf '{"username": "tradeops_tasks", "password": "%s"}\n' "$AIRFLOW_TASKS_PASSWORD" >"$TRADEOPS_AIRFLOW_CREDENTIALS_FILE"

tradeops migrate
