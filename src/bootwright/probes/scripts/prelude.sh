# Functions for the scripts of probes, which run in a POSIX shell with set -u and without input.
#   $init $network    from the recipe
#   $nested           1 if the recipe has virtualization in the guest, else empty
#   $resolves         a name that the host resolves; empty if it resolves none
#   $ssh_config       an SSH configuration with the host "guest", for client probes
#   $scratch          an empty folder for the script, for client probes

# Fail, with the reason.
fail() {
    echo "$*"
    exit 1
}

# Skip the probe, with the reason.
does_not_apply() {
    echo "$*"
    exit 77
}

# Print how to make the probe pass; call it before fail.
fix() { echo "fix: $*"; }

has() { command -v "$1" >/dev/null 2>&1; }
