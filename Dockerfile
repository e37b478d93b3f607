# cronledger for containers. Two stages are meant to be used:
#
#   binary    nothing but the executable, for `COPY --from` into the image of a batch
#   runtime   a small image with it as entrypoint
#
# docker build --target runtime --tag cronledger .

# Node 24 for what is built; any other one that the package supports will do.
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim
# Any with glibc 2.28 or newer and libstdc++: Debian from 10 on, Amazon Linux 2023, distroless/cc.
ARG RUNTIME_IMAGE=docker.io/library/debian:trixie-slim

FROM ${NODE_IMAGE} AS build
# An init for the runtime image, in the variant that needs no library of that image.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /cronledger
COPY package.json package-lock.json ./
# No package's own script runs: what is built here is what the lock file names.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm run build:binary

FROM scratch AS binary
COPY --from=build /cronledger/dist-bin/cronledger /cronledger

FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cronledger" \
      org.opencontainers.image.description="Runs a scheduled batch once per period, on a scheduler that delivers at least once" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=binary /cronledger /usr/local/bin/cronledger
COPY --from=build /usr/bin/tini-static /usr/local/bin/tini
# A number, so that an orchestrator that forbids root can tell; it needs no name and no home.
USER 65532:65532
# tini collects the zombies of orphans, which Node cannot. It passes signals on to cronledger, and ends with its exit code.
ENTRYPOINT ["/usr/local/bin/tini", "--", "/usr/local/bin/cronledger"]
