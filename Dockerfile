# Latchkey as an image: built in one stage, run from another that holds no sources and no development tools.
#   docker build -t latchkey .
FROM node:22-slim AS build
WORKDIR /app
# Dependencies first: they change less often than the sources, so this layer is usually cached.
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# Without their mention in package.json: `npm prune --omit=dev` alone keeps the Prisma command line and all it brings, an optional
# peer of the client that never runs here.
RUN npm run build && npm pkg delete devDependencies && npm prune

FROM node:22-slim
ENV NODE_ENV=production \
    LATCHKEY_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data \
    UV_THREADPOOL_SIZE=8 \
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 \
    MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    MALLOC_TRIM_THRESHOLD_=4194304 \
    NODE_OPTIONS=--max-semi-space-size=8
WORKDIR /app
RUN install --directory --owner=node --group=node --mode=0700 /data
# Owned by root and read by the server's user: the process cannot change its own code. Only /data is written.
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/prisma ./prisma
COPY --from=build /app/views ./views
# `node` of the base image, as numbers so that an orchestrator can see that it is not root.
USER 1000:1000
VOLUME ["/data"]
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
