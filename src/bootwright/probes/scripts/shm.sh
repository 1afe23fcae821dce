grep -q ' /dev/shm tmpfs ' /proc/mounts || {
    fix "mount -t tmpfs -o mode=1777 shm /dev/shm"
    fail "/dev/shm is no tmpfs, so that shared memory does not work (shm_open(3))"
}
echo probe >/dev/shm/bootwright-probe || fail "/dev/shm cannot be written to"
rm /dev/shm/bootwright-probe
case $(ls -ld /dev/shm) in
drwxrwxrwt*) ;;
*) fail "/dev/shm is not for everybody (mode 1777): $(ls -ld /dev/shm)" ;;
esac
