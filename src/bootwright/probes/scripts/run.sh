grep -q ' /run tmpfs ' /proc/mounts || {
    fix "mount -t tmpfs -o mode=0755 run /run"
    fail "/run is no tmpfs: what lies there would outlive the boot"
}
echo probe >/run/bootwright-probe || fail "/run cannot be written to"
rm /run/bootwright-probe
