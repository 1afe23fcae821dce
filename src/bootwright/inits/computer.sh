# What programs expect of a computer beyond the kernel, laid by inits that are not systemd. Read by
# their scripts; busybox is the initramfs's, since an image need not have mount or mknod.
#
# The initramfs has set the host name, the loopback and the network; /dev is a devtmpfs, /run a tmpfs.
# Source: systemd's src/shared/mount-setup.c and src/shared/dev-setup.c for what a system has;
# Documentation/filesystems/devpts.rst for ptmxmode.

bb() { /run/bootwright/busybox "$@"; }

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TERM=${TERM:-linux}

bb mkdir -p /proc /sys /tmp /dev/pts /dev/shm /run/lock /run/sshd
bb mount -t proc -o nosuid,nodev,noexec proc /proc
bb mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
bb mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
# Without it: "PTY allocation request failed". Group 5 is tty wherever a libc asks for it.
bb mount -t devpts -o nosuid,noexec,gid=5,mode=0620,ptmxmode=0666 devpts /dev/pts
[ -e /dev/ptmx ] || bb ln -s pts/ptmx /dev/ptmx
bb mount -t tmpfs -o nosuid,nodev,mode=1777 shm /dev/shm
bb chmod 1777 /tmp /run/lock
[ -e /dev/fd ] || bb ln -s /proc/self/fd /dev/fd
for name in stdin:0 stdout:1 stderr:2; do
    [ -e "/dev/${name%:*}" ] || bb ln -s "/proc/self/fd/${name#*:}" "/dev/${name%:*}"
done
: >/run/utmp
# What the image wants mounted beside its root, by its own program: ours does not know all of fstab.
if [ -s /etc/fstab ] && [ -x /bin/mount ]; then
    /bin/mount -a >/dev/console 2>&1
fi

mark() { bb sh /run/bootwright/mark "$@"; }

# Say whether a process is left beside PID 1 and this shell; the kernel's threads have no words.
others() {
    for folder in /proc/[0-9]*; do
        case ${folder#/proc/} in 1 | $$) continue ;; esac
        [ -z "$(bb tr -d '\000' 2>/dev/null <"$folder/cmdline")" ] || return 0
    done
    return 1
}

# Wait until the console has sent what was printed, as stty does before it sets a mode (TCSADRAIN):
# whoever is switched off loses the rest.
drain_console() { bb stty -F /dev/console onlcr; }

# End all that runs, in good order, and switch the machine off.
power_off() {
    trap '' TERM INT
    kill -TERM -1
    tries=0
    while others && [ $tries -lt 50 ]; do
        bb usleep 100000
        tries=$((tries + 1))
    done
    kill -KILL -1
    bb sync
    bb mount -o remount,ro /
    drain_console
    bb poweroff -f
}
