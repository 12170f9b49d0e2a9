# One image for Airflow, MLflow and our own processes: exactly the packages of requirements.lock.
FROM python:3.11.14-slim-bookworm AS packages

# As in .ci/sync_environment.
RUN pip install --no-cache-dir uv==0.13.8
COPY requirements.lock /opt/tradeops/
RUN uv venv /opt/venv \
    && uv pip sync --no-cache --python /opt/venv/bin/python --require-hashes --compile-bytecode /opt/tradeops/requirements.lock

WORKDIR /opt/tradeops
COPY pyproject.toml README.md LICENSE ./
COPY include include
COPY agents agents
COPY graphs graphs
# Where it lies, since a decision names the lock that lies beside the code.
RUN uv pip install --no-cache --python /opt/venv/bin/python --no-deps --editable .
COPY dags dags
COPY plugins plugins
COPY deploy deploy
RUN /opt/venv/bin/python -m compileall -q include agents graphs

FROM python:3.11.14-slim-bookworm

# LightGBM needs libgomp1, `tradeops backup` pg_dump. Debian keeps one version of a package in a release, so that none can be named.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 tradeops \
    && useradd --uid 10001 --gid 10001 --create-home tradeops \
    && install --directory --owner=10001 --group=10001 --mode=0700 \
        /var/lib/tradeops /var/lib/tradeops/mlflow /var/lib/airflow /var/lib/airflow/logs

COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /opt/tradeops /opt/tradeops

ENV PATH=/opt/venv/bin:$PATH
WORKDIR /var/lib/tradeops
USER 10001:10001
# What is healthy depends on the command: docker-compose.yaml says it for each.
HEALTHCHECK NONE
CMD ["tradeops", "--help"]
