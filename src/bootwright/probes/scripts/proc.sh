[ -r /proc/self/status ] || {
    fix "mount -t proc proc /proc"
    fail "there is no /proc"
}
for file in meminfo cpuinfo mounts sys/kernel/hostname net/dev; do
    cat "/proc/$file" >/dev/null || fail "/proc/$file cannot be read"
done
