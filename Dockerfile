# codesdkd in a container. First `npm run pack`, then `docker build --tag codesdkd .`
# Agents are not in the image: `codesdkd agents install codex` puts them into the volume, or a layer on top of this one brings them.
FROM node:24-bookworm-slim

# bubblewrap is the sandbox, which the relay belongs to (a compiler makes it at the install); git is what agents work with.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends bubblewrap ca-certificates gcc git libc6-dev ripgrep tini \
  && rm -rf /var/lib/apt/lists/*

COPY dist/*.tgz /packages/
RUN npm install --global --omit=dev --allow-scripts=codesdkd /packages/*.tgz && rm -r /packages

# Nothing runs as root. What is kept is in two volumes.
RUN install --directory --owner=node --group=node /data /workspace
USER node
WORKDIR /workspace
VOLUME ["/data", "/workspace"]

EXPOSE 8787
# The token is in CODESDKD_TOKEN: without one the daemon listens on no address but its own.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["codesdkd", "sessions", "--url", "http://127.0.0.1:8787"]
ENTRYPOINT ["tini", "--", "codesdkd"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8787", "--data-dir", "/data"]
