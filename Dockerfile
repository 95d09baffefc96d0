# One image a service: docker build --build-arg SERVICE=scoring --tag andon-scoring .
# SERVICE is ingest, preprocess, scoring, alerting, drift, machines, console or training. BASE may be any image with Python 3.11 or later that
# can make environments (on plain Debian: python3 and python3-venv).
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG SERVICE
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN test -n "$SERVICE" || { echo "say which service: --build-arg SERVICE=scoring" >&2; exit 2; }
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/andon
COPY requirements/build.txt requirements/${SERVICE}.txt /requirements/
RUN /opt/build/bin/pip install --quiet --require-hashes --requirement /requirements/build.txt \
 && /opt/build/bin/pip --python /opt/andon/bin/python install --quiet --require-hashes --only-binary :all: \
    --requirement /requirements/${SERVICE}.txt
COPY shared /source/shared
COPY services/${SERVICE} /source/service
RUN export PATH=/opt/build/bin:$PATH \
 && pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels /source/shared /source/service \
 && pip --python /opt/andon/bin/python install --quiet --no-deps --no-index /wheels/*.whl

FROM ${BASE}
ARG SERVICE
LABEL org.opencontainers.image.title="andon-${SERVICE}" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 andon && useradd --uid 10001 --gid andon --no-create-home --home-dir /tmp andon \
 && install --directory --owner andon --group andon /data /data/bundles /data/frames /data/evidence /data/parts
COPY --from=build /opt/andon /opt/andon
# MALLOC_ARENA_MAX: one arena a thread would grow with every image. OPENCV_IO_MAX_IMAGE_PIXELS: a second wall, until a
# service sets its own. Only /tmp is ever written: bundles of a remote store are kept there.
ENV PATH=/opt/andon/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    OPENCV_IO_MAX_IMAGE_PIXELS=25000000 \
    XDG_CACHE_HOME=/tmp \
    ANDON_HTTP__HOST=0.0.0.0 \
    ANDON_HTTP__PORT=8080
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["andon"]
CMD ["--help"]
