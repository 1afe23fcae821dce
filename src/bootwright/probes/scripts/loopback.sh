read -r flags </sys/class/net/lo/flags || fail "there is no loopback interface"
[ $((flags & 1)) = 1 ] || {
    fix "ip link set lo up"
    fail "the loopback interface is down"
}
grep -q '127\.0\.0\.1' /proc/net/fib_trie || fail "the loopback interface has no address 127.0.0.1"
