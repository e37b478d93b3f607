# cronledger for containers. Use one of these two stages:
#
#   binary    the executable, the library for file ledgers, and the licences, for `COPY --from` into the image of a batch
#   runtime   a small image with the executable as entrypoint
#
# docker build --target runtime --tag cronledger .

# The Node inside the executable. The build refuses one that cannot make an executable that ignores NODE_OPTIONS.
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim
# Any image with glibc 2.28 or newer and libstdc++ works: Debian 10 or newer, Amazon Linux 2023, distroless/cc.
ARG RUNTIME_IMAGE=docker.io/library/debian:trixie-slim

FROM ${NODE_IMAGE} AS build
# The init of the runtime image, whose static variant needs no library of that image, and strip for the executable.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends tini binutils && rm -rf /var/lib/apt/lists/*
WORKDIR /cronledger
COPY package.json package-lock.json ./
# We must not run scripts of packages, so that only what the lock file names is built.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm run build:binary -- --release
# The executable contains Node and npm packages, whose licences must come with it.
RUN mkdir /licences && cp LICENSE /licences/cronledger.txt && cp dist/cli/THIRD-PARTY.txt /licences/packages.txt && \
    cp "$(dirname "$(command -v node)")/../LICENSE" /licences/node.txt

FROM scratch AS binary
# A file ledger needs the library beside the executable. The other ledgers do not.
COPY --from=build /cronledger/dist-bin/cronledger /cronledger/dist-bin/cronledger-file.node /
COPY --from=build /licences /licences

FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cronledger" \
      org.opencontainers.image.description="Runs a scheduled batch once per period, on a scheduler that delivers at least once" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=binary /cronledger /cronledger-file.node /usr/local/bin/
COPY --from=binary /licences /usr/local/share/licences/cronledger
COPY --from=build /usr/bin/tini-static /usr/local/bin/tini
COPY --from=build /usr/share/doc/tini/copyright /usr/local/share/licences/cronledger/tini.txt
# A number, because an orchestrator that forbids root cannot check a name. The user needs no name and no home.
USER 65532:65532
# tini collects the zombies of orphans, which Node cannot do. It forwards signals to cronledger and exits with its exit code.
ENTRYPOINT ["/usr/local/bin/tini", "--", "/usr/local/bin/cronledger"]
