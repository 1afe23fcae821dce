grep -q ' /dev/shm tmpfs ' /proc/mounts || {
    fix "mount -t tmpfs -o mode=1777 shm /dev/shm"
    fail "/dev/shm is not a tmpfs: shared memory does not work (shm_open(3))"
}
echo probe >/dev/shm/bootwright-probe || fail "cannot write to /dev/shm"
rm /dev/shm/bootwright-probe
case $(ls -ld /dev/shm) in
drwxrwxrwt*) ;;
*) fail "/dev/shm is not writable by all users (mode 1777): $(ls -ld /dev/shm)" ;;
esac
