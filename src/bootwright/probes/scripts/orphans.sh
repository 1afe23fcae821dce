zombies() {
    count=0
    for stat in /proc/[0-9]*/stat; do
        read -r line 2>/dev/null <"$stat" || continue
        line=${line##*) } # the name in parentheses may contain spaces
        case $line in "Z 1 "*) count=$((count + 1)) ;; esac
    done
    echo "$count"
}
before=$(zombies)
count=0
while [ $count -lt 50 ]; do
    (sleep 0.3 &)
    count=$((count + 1))
done
tries=0
sleep 1
while left=$(zombies) && [ "$left" -gt "$before" ]; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || fail "PID 1 has not reaped $((left - before)) of 50 orphans:" \
        "it is $(cat /proc/1/comm), which must call wait(2) for all its children"
    sleep 0.25
done
