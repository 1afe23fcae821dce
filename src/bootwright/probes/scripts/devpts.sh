# Without it sshd says: PTY allocation request failed.
grep -q ' /dev/pts devpts ' /proc/mounts || {
    fix "mount -t devpts -o gid=5,mode=0620,ptmxmode=0666 devpts /dev/pts"
    fail "/dev/pts is not mounted"
}
for node in /dev/ptmx /dev/pts/ptmx; do
    case $(ls -lL "$node" 2>&1) in
    crw-rw-rw-*) ;;
    *)
        # Not used if /dev/ptmx is a device node itself.
        [ "$node" = /dev/pts/ptmx ] && [ ! -L /dev/ptmx ] && continue
        fail "$node is not accessible to all users (ptmxmode=0666): $(ls -lL "$node" 2>&1)"
        ;;
    esac
done
