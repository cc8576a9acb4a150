# syntax=docker/dockerfile:1
# Images of the operator and of the local IVS Chat: one static binary each, and for the operator CA roots. No shell, no libc,
# no package manager, not root.
#
#   docker build --target operator --build-arg GIT_COMMIT=$(git rev-parse HEAD) --tag REGISTRY/ivschat-operator:TAG .
#   docker build --target emulator --tag REGISTRY/ivschat-emulator:TAG .
#
# checkov:skip=CKV_DOCKER_2: Kubernetes does not read HEALTHCHECK; its probes are the chart's.
# Builds for the machine's own architecture: for another one, build there, or under emulation with --platform.

FROM rust:1.94.1-slim-bookworm AS tools
# cmake and a C compiler for aws-lc; the CA roots are copied into the image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates cmake g++ make \
    && rm -rf /var/lib/apt/lists/*
# cargo-chef lets dependencies be built once, in a layer of their own; cargo-auditable writes into the binary of what it is made.
RUN cargo install --locked cargo-chef@0.1.78 cargo-auditable@0.7.7
WORKDIR /src

FROM tools AS plan
COPY . .
RUN cargo chef prepare --recipe-path /recipe.json

FROM tools AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# glibc, linked in: the images hold no libc. The target is named so that build scripts and macros stay as they are.
ENV RUSTFLAGS="-C target-feature=+crt-static"
COPY --from=plan /recipe.json /recipe.json
RUN cargo chef cook --locked --profile image -p ivschat-operator -p ivschat-emulator --bins --recipe-path /recipe.json \
        --target "$(rustc -vV | sed -n 's/^host: //p')"
COPY . .
# Printed by `ivschat-operator --version`.
ARG GIT_COMMIT=
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && GIT_COMMIT="$GIT_COMMIT" cargo auditable build --locked --profile image -p ivschat-operator -p ivschat-emulator --bins --target "$target" \
    && mkdir /image \
    && cp "target/$target/image/ivschat-operator" "target/$target/image/ivschat-emulator" /image/ \
    && cp /etc/ssl/certs/ca-certificates.crt /image/

# --- What the images hold. hack/image builds the same from here down, with `build` a directory of ready binaries. -----------

FROM scratch AS base
ARG GIT_COMMIT=
ARG VERSION=
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$GIT_COMMIT"
USER 65532:65532

FROM base AS emulator
LABEL org.opencontainers.image.title="ivschat-emulator" \
      org.opencontainers.image.description="A local Amazon IVS Chat control plane, for development and tests"
COPY --from=build /image/ivschat-emulator /ivschat-emulator
EXPOSE 4680
ENTRYPOINT ["/ivschat-emulator"]
# In a container, loopback would be reached by nobody.
CMD ["--listen", "0.0.0.0:4680"]

FROM base AS operator
LABEL org.opencontainers.image.title="ivschat-operator" \
      org.opencontainers.image.description="Manage Amazon IVS Chat rooms as Kubernetes objects"
COPY --from=build /image/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /image/ivschat-operator /ivschat-operator
ENTRYPOINT ["/ivschat-operator"]
CMD ["run"]
