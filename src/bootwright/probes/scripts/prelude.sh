# What every probe's script may call. It runs in a POSIX shell with set -u, its input empty.
#   $init $network    of the recipe
#   $resolves         a name that the host resolves; empty: it resolves none
#   $ssh_config       names the machine "guest", for the scripts of the client's side
#   $scratch          a folder of the script's own, for the client's side

# It has failed: this is why.
fail() {
    echo "$*"
    exit 1
}

# It is not to be asked here: this is why.
does_not_apply() {
    echo "$*"
    exit 77
}

# What would make it pass; said before fail.
fix() { echo "fix: $*"; }

has() { command -v "$1" >/dev/null 2>&1; }
