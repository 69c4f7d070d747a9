# One image: the gateway with its page inside, ffmpeg, a font, and a film to loop.

# === The page ===
FROM node:22-bookworm-slim AS page
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

# === The gateway ===
FROM rust:1.95-slim-bookworm AS gateway
WORKDIR /build
COPY . .
COPY --from=page /build/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin headgate \
    && install -D target/release/headgate /out/headgate

# === What both the film and the gateway need ===
FROM debian:trixie-slim AS ffmpeg
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates ffmpeg fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*

# === The film ===
FROM ffmpeg AS film
WORKDIR /build
COPY scripts/lib.sh scripts/loop.sh scripts/
RUN bash scripts/loop.sh

# === The image ===
FROM ffmpeg
COPY --from=gateway /out/headgate /usr/local/bin/headgate
COPY --from=film /build/media/loop.mp4 /etc/headgate/media/loop.mp4
COPY channels.toml /etc/headgate/channels.toml
WORKDIR /etc/headgate
USER 65532:65532
# Viewers, and operators once they have a token: HEADGATE_OPERATORS_LISTEN=0.0.0.0:8081, HEADGATE_OPERATORS_TOKEN.
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["headgate", "healthcheck"]
ENTRYPOINT ["headgate"]
CMD ["serve", "--config", "/etc/headgate/channels.toml", "--listen", "0.0.0.0:8080"]
