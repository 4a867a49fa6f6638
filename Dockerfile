# syntax=docker/dockerfile:1
# All three programs in one small image. What runs is chosen by the command.

FROM rust:1.95-bookworm AS build
WORKDIR /keyway
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY migrations migrations
COPY web-templates web-templates
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/keyway/target \
    cargo build --release --locked --workspace --bins \
 && mkdir -p /out/bin /out/keyring /out/public-keys \
 && cp target/release/keyway target/release/keyway-gateway target/release/keyway-console /out/bin/

# glibc, certificate authorities and nothing else: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/bin/ /usr/local/bin/
# Volumes take over these directories' owner.
COPY --from=build --chown=nonroot:nonroot /out/keyring /keyring
COPY --from=build --chown=nonroot:nonroot /out/public-keys /public-keys
COPY LICENSE /LICENSE
USER nonroot
EXPOSE 8080 8081 9464
STOPSIGNAL SIGTERM
CMD ["keyway-gateway"]
