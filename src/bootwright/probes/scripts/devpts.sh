# Without it sshd says: PTY allocation request failed.
grep -q ' /dev/pts devpts ' /proc/mounts || {
    fix "mount -t devpts -o gid=5,mode=0620,ptmxmode=0666 devpts /dev/pts"
    fail "/dev/pts is not mounted"
}
for node in /dev/ptmx /dev/pts/ptmx; do
    case $(ls -lL "$node" 2>&1) in
    crw-rw-rw-*) ;;
    *)
        # The system's own, where /dev/ptmx is a node of its own and the other is used by nobody.
        [ "$node" = /dev/pts/ptmx ] && [ ! -L /dev/ptmx ] && continue
        fail "$node is not for everybody (ptmxmode=0666): $(ls -lL "$node" 2>&1)"
        ;;
    esac
done
