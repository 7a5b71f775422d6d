# pintail in an image that holds nothing else: no shell, no package manager, no library.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" --tag pintail .
#
# Pin the base for your releases by its digest: --build-arg RUST_IMAGE=docker.io/library/rust@sha256:…
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /build
# One file without libraries. With --target, the flag is kept from build scripts and procedural macros, which must be
# dynamic.
ENV RUSTFLAGS="-C target-feature=+crt-static" \
    CARGO_TERM_COLOR=never

# The dependencies are a layer of their own: it changes with Cargo.lock alone.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo 'fn main() {}' >src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked --target "$(rustc --print host-tuple)"

COPY src src
# `pintail init` writes the units and the manifests.
COPY deploy deploy
# Cargo looks at the times of files, and those of the checkout are older than the placeholders.
RUN touch src/main.rs src/lib.rs \
 && cargo build --release --locked --target "$(rustc --print host-tuple)" \
 && install -D --mode=0755 "target/$(rustc --print host-tuple)/release/pintail" /image/usr/bin/pintail \
 # The roots of public certificate authorities, for MotherDuck, Vault and AWS.
 && install -D --mode=0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && echo 'pintail:x:65532:65532:pintail:/:/usr/bin/pintail' >/image/etc/passwd \
 && echo 'pintail:x:65532:' >/image/etc/group \
 # Without it, names are asked of DNS before /etc/hosts is looked at.
 && echo 'hosts: files dns' >/image/etc/nsswitch.conf \
 && install -d --mode=0755 /image/etc/pintail \
 # `pintail demo` and `pintail sandbox` work here; `run` and `rotate-now` write nothing but a file store.
 && install -d --mode=1777 /image/tmp \
 && install -d --mode=0700 /state/pintail

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pintail" \
      org.opencontainers.image.description="Rotates MotherDuck service-account tokens, and never leaves a client without one that works" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
# Where a file store belongs, on a volume.
COPY --from=build --chown=65532:65532 /state/ /var/lib/
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# That the configuration is sound and that the secrets it names are in place; nobody is contacted. Kubernetes has
# probes of its own and ignores this.
HEALTHCHECK --interval=1m --timeout=10s --start-period=10s \
  CMD ["/usr/bin/pintail", "check", "--offline"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/pintail"]
CMD ["run"]
