# For scripts that need programs beyond Node. Sourced.

# need COMMAND PACKAGE…: sees to it that COMMAND is there, by installing Debian's packages where that is possible.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$@" >&2 || true
    command -v "$command" >/dev/null && return
  fi
  echo "$command is missing (Debian: $*)" >&2
  exit 1
}
