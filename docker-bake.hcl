# All images. docker buildx bake: for this machine, into its engine. docker buildx bake release: for
# both platforms with SBOM and provenance, pushed to REGISTRY.
# Each variable can be given in the environment.

variable "VERSION" {
  default = "0.1.0"
}

variable "REGISTRY" { # for example registry.example.com/you; none: the images stay in this engine
  default = ""
}

variable "REVISION" { # the commit; the Makefile gives it
  default = "unknown"
}

variable "SOURCE_DATE_EPOCH" { # seconds since 1970 of the commit; the Makefile gives it
  default = null
}

variable "PYTHON_IMAGE" { # give it a digest to build on exactly this base
  default = "python:3.13-slim"
}

variable "SOURCE" { # where the source is published
  default = "unknown"
}

group "default" {
  targets = ["image"]
}

target "image" {
  name       = service
  matrix     = { service = ["vote", "worker", "result", "seed"] }
  context    = "."
  dockerfile = "${service}/Dockerfile"
  tags       = [tag(service)]
  args = {
    PYTHON_IMAGE      = PYTHON_IMAGE
    VERSION           = VERSION
    REVISION          = REVISION
    SOURCE            = SOURCE
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
  }
}

target "release" {
  name      = "${service}-release"
  inherits  = [service]
  matrix    = { service = ["vote", "worker", "result", "seed"] }
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=sbom", "type=provenance,mode=max"]
  # The layers tell no time already; this does the same to what the exporter adds.
  output = ["type=image,push=true,rewrite-timestamp=true"]
}

function "tag" {
  params = [service]
  result = "${REGISTRY == "" ? "" : "${REGISTRY}/"}voting-${service}:${VERSION}"
}
