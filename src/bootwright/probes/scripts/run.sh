grep -q ' /run tmpfs ' /proc/mounts || {
    fix "mount -t tmpfs -o mode=0755 run /run"
    fail "/run is not a tmpfs: files there would survive a reboot"
}
echo probe >/run/bootwright-probe || fail "cannot write to /run"
rm /run/bootwright-probe
