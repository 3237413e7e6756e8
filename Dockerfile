# Trunkline in a container: built in one stage, run in another that has no compiler, no pip cache and no root.
#
#   docker build -t trunkline .
#   docker run --network host -v trunkline:/var/lib/trunkline trunkline
#
# With the host's network the edge sees its real addresses and the media ports need no mapping. Without it, publish
# 5060/udp, 5060/tcp, 5061/tcp and the media range (20000-20999/udp), and set an external_address for each listener.
# `docker stop -t 330` leaves live calls the time of sip.drain_limit.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock ./
RUN pip install -c requirements.lock setuptools mypy msgspec && python -m venv /opt/trunkline
COPY pyproject.toml setup.py README.md LICENSE ./
COPY src ./src
RUN pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
    && /opt/trunkline/bin/pip install -c requirements.lock "$(echo /wheels/trunkline-*.whl)[postgres]" \
    && /opt/trunkline/bin/python -c "from trunkline import build; raise SystemExit(not build.compiled())" \
    && /opt/trunkline/bin/python -m compileall -q /opt/trunkline/lib

FROM python:3.12-slim
RUN groupadd --system --gid 10001 trunkline \
    && useradd --system --uid 10001 --gid trunkline --home-dir /var/lib/trunkline --shell /usr/sbin/nologin trunkline \
    && install -d -o trunkline -g trunkline -m 0700 /var/lib/trunkline
COPY --from=build /opt/trunkline /opt/trunkline
# In a container its own loopback reaches nobody; who publishes 8080 decides who may.
ENV PATH=/opt/trunkline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TRUNKLINE_DATA_DIR=/var/lib/trunkline \
    TRUNKLINE_API__HOST=0.0.0.0 \
    TRUNKLINE_LOG__FORMAT=json
USER trunkline
WORKDIR /var/lib/trunkline
VOLUME /var/lib/trunkline
EXPOSE 5060/udp 5060/tcp 5061/tcp 8080/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; s = 's' * bool(os.environ.get('TRUNKLINE_API__CERTIFICATE')); u.urlopen(f\"http{s}://127.0.0.1:{os.environ.get('TRUNKLINE_API__PORT') or 8080}/healthz\", timeout=2, context=ssl._create_unverified_context() if s else None)"]
ENTRYPOINT ["trunkline"]
CMD ["serve"]
