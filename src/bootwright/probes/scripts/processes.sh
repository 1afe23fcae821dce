has ps || does_not_apply "the image has no ps"
said=$(ps aux 2>&1) || {
    fix "mount -t proc proc /proc"
    fail "ps aux fails: $said"
}
# PID 1, ps itself, and kernel threads.
echo "$said" | grep -q "^root  *1 " || fail "ps aux does not show PID 1: $said"
echo "$said" | grep -q "ps aux" || fail "ps aux does not show itself: $said"
echo "$(echo "$said" | tail -n +2 | wc -l) processes"
