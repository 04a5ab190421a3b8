# For scripts that need programs beyond Node. Sourced.

# need COMMAND PACKAGE…: sees to it that COMMAND is there, by installing Debian's packages where that is possible.
need() {
  local command=$1
  shift
  _provide "command -v $command" "$command" "$@"
}

# need_file FILE PACKAGE…: the same for a file.
need_file() {
  local file=$1
  shift
  _provide "test -e $file" "$file" "$@"
}

_provide() {
  local there=$1 what=$2
  shift 2
  $there >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$@" >&2 || true
    $there >/dev/null && return
  fi
  echo "$what is missing (Debian: $*)" >&2
  exit 1
}
