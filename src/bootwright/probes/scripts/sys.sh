[ -d /sys/class/net ] && [ -r /sys/kernel/uevent_seqnum ] || {
    fix "mount -t sysfs sysfs /sys"
    fail "/sys is not mounted"
}
