# syntax=docker/dockerfile:1
# A tag moves. For an image that can be built again, name the digest of the base that you have checked:
# docker build --build-arg BASE=python:3.11-slim@sha256:… -t tipo .
ARG BASE=python:3.11-slim
FROM ${BASE} AS build
WORKDIR /src
# Exactly what is locked, nothing resolved; what builds Tipo stays out of the image.
COPY requirements-build.lock requirements-runtime.lock ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-build.lock \
    && python -m venv --without-pip /opt/tipo \
    && pip --python /opt/tipo/bin/python install --no-cache-dir --no-deps --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY alembic ./alembic
COPY bot ./bot
COPY sync_core ./sync_core
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
    && pip --python /opt/tipo/bin/python install --no-cache-dir --no-deps /dist/tipo-*.whl \
    && pip --python /opt/tipo/bin/python check

FROM ${BASE}
RUN useradd --uid 10001 --create-home --home-dir /data --shell /usr/sbin/nologin tipo
COPY --from=build /opt/tipo /opt/tipo
ENV PATH=/opt/tipo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TIPO_DATABASE_URL=sqlite:////data/tipo.db \
    TIPO_HOST=0.0.0.0 \
    TIPO_PORT=8080
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", \
  "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"TIPO_PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["tipo"]
CMD ["serve"]
