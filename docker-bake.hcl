# docker buildx bake: build the images of the services into this machine's engine.
# docker buildx bake single: build the image that runs the whole system in one container.
# docker buildx bake release: build all of them for both platforms, with SBOM and provenance, and push them.
# Every variable can be set in the environment.

variable "VERSION" {
  default = "0.2.0"
}

variable "REGISTRY" { # for example registry.example.com/you
  default = ""
}

variable "REVISION" { # the commit
  default = "unknown"
}

variable "PYTHON_IMAGE" { # may have a digest
  default = "python:3.13-slim"
}

variable "POSTGRES_IMAGE" { # may have a digest
  default = "postgres:18"
}

group "default" {
  targets = ["image", "postgres"]
}

target "image" {
  name       = service
  matrix     = { service = ["vote", "worker", "result", "seed"] }
  context    = "."
  dockerfile = "${service}/Dockerfile"
  tags       = ["${REGISTRY == "" ? "" : "${REGISTRY}/"}voting-${service}:${VERSION}"]
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
  }
}

target "single" {
  inherits   = ["vote"] # the context and the arguments
  dockerfile = "standalone/Dockerfile"
  tags       = ["${REGISTRY == "" ? "" : "${REGISTRY}/"}voting:${VERSION}"]
}

# Postgres with Patroni, for the Kustomize component stores-ha.
target "postgres" {
  context = "kustomize/components/stores-ha/db"
  tags    = ["${REGISTRY == "" ? "" : "${REGISTRY}/"}voting-postgres:${VERSION}"]
  args    = { POSTGRES_IMAGE = POSTGRES_IMAGE }
}

target "release" {
  name      = "${image}-release"
  inherits  = [image]
  matrix    = { image = ["vote", "worker", "result", "seed", "single", "postgres"] }
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=sbom", "type=provenance,mode=max"]
  output    = ["type=image,push=true"]
}
