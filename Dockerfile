# Debian 12 builds it, a slim Debian 12 runs it, as a user without rights. Data is in /var/lib/orrery.
#
#   docker build -t orrery .
#   docker run -p 8080:8080 -v orrery:/var/lib/orrery -e ORRERY__ADMIN__PASSWORD=... orrery

FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ binutils libnode-dev
WORKDIR /src
COPY . .
RUN make build && target/release/orrery --version

FROM debian:bookworm-slim
# V8 of the distribution: security fixes come with a rebuild of this image.
RUN apt-get update && apt-get install -y --no-install-recommends libnode108 ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/orrery --create-home orrery
COPY --from=build /src/target/release/orrery /usr/local/bin/orrery
COPY --from=build /src/settings/production.toml /etc/orrery/production.toml
USER orrery
WORKDIR /var/lib/orrery
ENV ORRERY__SERVER__HOST=0.0.0.0
EXPOSE 8080
VOLUME /var/lib/orrery
# SIGTERM drains; `docker stop` waits ten seconds by itself.
STOPSIGNAL SIGTERM
ENTRYPOINT ["orrery"]
CMD ["serve", "--settings", "/etc/orrery/production.toml"]
