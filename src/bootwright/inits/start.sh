#!/run/bootwright/busybox sh
# What tini starts: the rest of a computer, then its SSH server, again whenever that ends.
. /run/bootwright/computer.sh

trap power_off TERM INT

# sshd opens its pid file once it listens: a pipe in its place tells us without a look at the clock.
bb mkfifo /run/bootwright/sshd.pid
serve() {
    /usr/sbin/sshd -D -e -f /run/bootwright/sshd_config \
        -o PidFile=/run/bootwright/sshd.pid >/run/bootwright/sshd.log 2>&1
    status=$?
    bb tail -n 5 /run/bootwright/sshd.log | while read -r line; do mark "sshd.log $line"; done
    # Whoever still waits for a server that never listened gets a word that is no pid.
    echo ended 1<>/run/bootwright/sshd.pid
    mark "sshd.failed exit status $status"
}

while :; do
    serve &
    server=$!
    read -r word </run/bootwright/sshd.pid
    if [ "$word" != ended ]; then
        mark sshd.listening
        if [ -e /run/bootwright/ready ] && [ -z "$asked" ]; then
            asked=1
            /bin/sh /run/bootwright/ready </dev/null >/dev/null 2>&1 &
        fi
    elif [ -n "$failed" ]; then
        mark sshd.given-up # it fails again, so it will go on failing
    else
        failed=1
    fi
    # A signal ends the wait; power_off has then been called.
    wait $server
    bb sleep 1
    [ -p /run/bootwright/sshd.pid ] || bb mkfifo /run/bootwright/sshd.pid
done
