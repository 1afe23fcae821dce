# Run probes one after the other, and report the begin, output and exit status of each.
# The variables that prelude.sh lists, $prelude itself and the function say are defined before this
# text; one line per probe follows it.

# probe NAME LIMIT SCRIPT: run a script for at most LIMIT seconds.
probe() {
    say "probe.begin $1"
    output=$(timeout -k 2 "$2" sh -uc "$prelude
$3" </dev/null 2>&1)
    status=$?
    report "$1" "$output" "$status"
}

# client_probe NAME LIMIT SCRIPT: run a script that logs in.
client_probe() {
    if [ -z "$ssh_config" ]; then
        say "probe.begin $1"
        report "$1" "the image has no SSH client, and the machine no network" 77
        return
    fi
    export scratch="$scratches/$1"
    mkdir -p "$scratch"
    probe "$@"
    rm -r "$scratch"
}

report() {
    printf '%s\n' "$2" | while IFS= read -r line; do say "probe.says $1 $line"; done
    say "probe.end $1 $3"
}

# For a guest without a network: set up an SSH client that logs in to the guest itself.
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

# At the end of a first boot, write the file that the second one looks for. Without a sync: a clean
# shutdown must write it to the disk.
remember() { cat /etc/machine-id >/var/lib/bootwright-probe; }
