# What a guest that nobody logs in to tells of itself once its SSH server listens; /run/bootwright/ready.
# It ends its boot by a mark of its own, and then sends what the host has asked for.
#
# The host appends: lines of the form `send NAME COMMAND...`, and `mark boot.end`.

bb() { /run/bootwright/busybox "$@"; }
mark() { bb sh /run/bootwright/mark "$@"; }

# The banner of the server: it accepts.
tries=0
until bb nc 127.0.0.1 22 </dev/null | { read -r _ && mark sshd.accepting; }; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || break
    bb usleep 100000
done

read -r token </run/bootwright/token
exec 3>/dev/ttyS1
# The port carries all as it is: no newline is translated.
bb stty -F /dev/ttyS1 raw -echo

# What a command prints goes between two marks; these are no part of the boot, and no log has them.
send() {
    name=$1
    shift
    printf '%s log.start %s\n' "$token" "$name" >&3
    "$@" >&3
    printf '\n%s log.end %s\n' "$token" "$name" >&3
}

# Reading the kernel's log never ends by itself, so the end is written into it.
kernel_log() {
    echo '<6>bootwright: log.end' >/dev/kmsg
    (bb cat /dev/kmsg &) | bb awk '/;bootwright: log.end$/ { exit } { print }'
}
