[ -r /proc/self/status ] || {
    fix "mount -t proc proc /proc"
    fail "/proc is not mounted"
}
for file in meminfo cpuinfo mounts sys/kernel/hostname net/dev; do
    cat "/proc/$file" >/dev/null || fail "/proc/$file cannot be read"
done
