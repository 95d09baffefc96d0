# One image a service: docker build --build-arg SERVICE=scoring --tag andon-scoring .     All of them: make images
# SERVICE is ingest, preprocess, scoring, alerting, drift, machines, console or training; VARIANT=gpu with scoring, VARIANT=torch
# with training. BASE may be any image with Python 3.11 or later that can make environments (on plain Debian: python3 and
# python3-venv). --target sbom --output DIR writes what is in it. docs/images.md tells all.
ARG BASE=python:3.11-slim-bookworm
ARG SERVICE
ARG VARIANT=

FROM ${BASE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/andon
COPY deploy/images/layers.py deploy/images/install.py /build/

# Packages, in layers that images share. The secrets pip and ca: a pip.conf, and certificates to trust, for an index of your own.
FROM tools AS lists
COPY requirements /requirements
RUN mkdir /lists && python3 /build/layers.py /requirements /lists \
    ingest preprocess scoring alerting drift machines console training

FROM tools AS every-packages
COPY --from=lists /lists/every.txt /lists/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python3 /build/install.py /layer --requirement /lists/every.txt

FROM tools AS store-packages
COPY --from=lists /lists/store.txt /lists/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python3 /build/install.py /layer --requirement /lists/store.txt

FROM tools AS images-packages
COPY --from=lists /lists/images.txt /lists/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python3 /build/install.py /layer --requirement /lists/images.txt

FROM tools AS models-packages
COPY --from=lists /lists/models.txt /lists/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python3 /build/install.py /layer --requirement /lists/models.txt

# What every image begins with: the user, folders for volumes, an environment; no pip, and nothing that is run as root.
FROM ${BASE} AS bare
RUN groupadd --gid 10001 andon && useradd --uid 10001 --gid andon --no-create-home --home-dir /tmp andon \
 && install --directory --owner andon --group andon /data /data/bundles /data/frames /data/evidence /data/parts \
 && python3 -m venv --without-pip /opt/andon \
 && rm -rf /usr/share/python-wheels /usr/lib/python3*/ensurepip /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
    /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/site-packages/pkg_resources \
    /usr/local/lib/python3*/site-packages/setuptools* /usr/local/lib/python3*/site-packages/wheel* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +

FROM bare AS every
COPY --from=every-packages /layer /
FROM every AS store
COPY --from=store-packages /layer /
FROM store AS images
COPY --from=images-packages /layer /
FROM images AS models
COPY --from=models-packages /layer /

FROM every AS for-machines
FROM store AS for-alerting
FROM store AS for-drift
FROM images AS for-ingest
FROM images AS for-preprocess
FROM images AS for-console
FROM models AS for-scoring
FROM images AS for-scoring-gpu
FROM models AS for-training
FROM images AS for-training-torch

# What this service needs beyond those, and Andon itself.
FROM for-${SERVICE}${VARIANT:+-}${VARIANT} AS packages
ARG SERVICE
ARG VARIANT
COPY --from=tools /opt/build /opt/build
COPY --from=tools /build /build
COPY requirements/build.txt /requirements/
COPY requirements/${SERVICE}${VARIANT:+-}${VARIANT}.txt /requirements/own.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python3 /build/install.py /layer --requirement /requirements/own.txt

FROM tools AS builder
COPY requirements/build.txt /requirements/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python3 /build/install.py --tools /requirements/build.txt

FROM builder AS andon
ARG SERVICE
COPY shared /source/shared
COPY services/${SERVICE} /source/service
RUN export PATH=/opt/build/bin:$PATH \
 && pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels /source/shared /source/service \
 && python3 /build/install.py /layer /wheels/*.whl

FROM for-${SERVICE}${VARIANT:+-}${VARIANT} AS image
COPY --from=packages /layer /
COPY --from=andon /layer /
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
ARG SERVICE
ARG VARIANT
ARG VERSION=unknown
LABEL org.opencontainers.image.title="andon-${SERVICE}${VARIANT:+-}${VARIANT}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# The software bill of materials: every Python package of the image, in CycloneDX's words.
FROM tools AS counter
COPY requirements/sbom.txt /requirements/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python3 /build/install.py --tools /requirements/sbom.txt

FROM image AS counted
USER root
COPY --from=counter /opt/build /opt/build
RUN /opt/build/bin/cyclonedx-py environment --output-reproducible --output-format JSON --output-file /tmp/sbom.json /opt/andon

FROM scratch AS sbom
ARG SERVICE
ARG VARIANT
COPY --from=counted /tmp/sbom.json /andon-${SERVICE}${VARIANT:+-}${VARIANT}.cdx.json

FROM image
