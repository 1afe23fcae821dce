[ -d /sys/class/net ] && [ -r /sys/kernel/uevent_seqnum ] || {
    cure "mount -t sysfs sysfs /sys"
    fail "there is no /sys"
}
