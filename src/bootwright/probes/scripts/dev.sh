for node in null zero full random urandom tty; do
    [ -c "/dev/$node" ] || fail "/dev/$node is missing or not a device"
done
for link in fd stdin stdout stderr; do
    [ -L "/dev/$link" ] || {
        fix "ln -s /proc/self/fd /dev/fd, and /dev/stdin, stdout and stderr to fd/0, 1 and 2"
        fail "/dev/$link is missing"
    }
done
for node in null tty random; do
    case $(ls -lL "/dev/$node") in
    crw-rw-rw-*) ;;
    *) fail "/dev/$node is not accessible to all users: $(ls -lL "/dev/$node")" ;;
    esac
done
