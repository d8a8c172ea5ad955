# The image contains only jwtgate, CA certificates and licences: no shell, no package manager, no root.
#
#   docker build -t jwtgate --build-arg VERSION=1.2.3 .
ARG GO=docker.io/library/golang:1.26-bookworm

# The build runs on the builder's own architecture, also for another one.
FROM --platform=$BUILDPLATFORM ${GO} AS build
ARG VERSION=dev
ARG COMMIT=unknown
ARG TARGETOS=
ARG TARGETARCH=
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY deploy deploy
COPY envoy envoy
COPY internal internal
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false -tags nodemo \
    -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" \
    -o /jwtgate ./cmd/jwtgate

FROM scratch
# jwtgate fetches keys over https: these CAs sign the issuers' certificates.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /jwtgate /jwtgate
COPY LICENSE NOTICE /
# Envoy runs in another container, so it could not reach jwtgate on loopback.
ENV JWTGATE_LISTEN=0.0.0.0:9001
EXPOSE 9001
USER 65532:65532
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["/jwtgate", "healthcheck"]
ENTRYPOINT ["/jwtgate"]
CMD ["serve"]
