# Runs probes one after the other, and tells of each: where it begins, what it says, how it ends.
# Before this text stand the variables that prelude.sh names, $prelude itself and the function say;
# behind it, a line for each probe.

# probe NAME LIMIT SCRIPT: run a script for at most LIMIT seconds.
probe() {
    say "probe.begin $1"
    output=$(timeout -k 2 "$2" sh -uc "$prelude
$3" </dev/null 2>&1)
    status=$?
    tell "$1" "$output" "$status"
}

# client_probe NAME LIMIT SCRIPT: the same for a script that logs in.
client_probe() {
    if [ -z "$ssh_config" ]; then
        say "probe.begin $1"
        tell "$1" "the image has no SSH client, and no network leads in" 77
        return
    fi
    export scratch="$scratches/$1"
    mkdir -p "$scratch"
    probe "$@"
    rm -r "$scratch"
}

tell() {
    printf '%s\n' "$2" | while IFS= read -r line; do say "probe.says $1 $line"; done
    say "probe.end $1 $3"
}

# In a guest that nobody can reach: let it log in to itself.
become_client() {
    client=/run/bootwright/client
    scratches=$client
    ssh_config=
    command -v ssh >/dev/null && command -v ssh-keygen >/dev/null || return
    mkdir -p -m 700 "$client"
    ssh-keygen -q -t ed25519 -N '' -f "$client/key" || return
    cat "$client/key.pub" >>/run/bootwright/authorized_keys
    echo "guest $(cat /run/bootwright/ssh_host_ed25519_key.pub)" >"$client/known_hosts"
    cat >"$client/config" <<END
Host guest
HostName 127.0.0.1
User root
BatchMode yes
IdentityFile $client/key
IdentitiesOnly yes
UserKnownHostsFile $client/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
HostKeyAlias guest
LogLevel ERROR
END
    ssh_config=$client/config
    export ssh_config
}

# The last act of a first boot; the second one looks for it. Nothing is synced: a clean shutdown is
# to see that it lasts.
remember() { cat /etc/machine-id >/var/lib/bootwright-probe; }
