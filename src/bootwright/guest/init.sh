#!/bin/busybox sh
# The initramfs: the first program in the guest. It loads the modules in its archive, mounts the root,
# lays files where the guest will find them, and hands over to the real init. Without a root it is
# the tiny guest: it runs one command and powers off.
#
# What it needs to know lies in /bootwright/machine, as shell variables:
#   token marks          how a mark is written, and on which port
#   modules              files to load, in order; behind a dash those that may fail
#   root filesystem options   the root's device, type and how to mount it; no root: the tiny guest
#   volatile             the root's disk, if nothing on it outlives the machine
#   scratch              an empty ext4 for what is written, if the root is only to be read
#   init                 what to execute in the root, words
#   needs                programs that the image must have
#   tools                1: the init uses our busybox
#   hostname machine_id address gateway resolver    who and where this machine is
#   grow                 1: the disk is larger than its filesystem
#   nested               1: the guest must be able to run virtual machines
# /bootwright/run is laid into /run. /bootwright/command is the tiny guest's command, quoted for the shell;
# /bootwright/input is what it reads.

# Both device nodes are in the archive, so the first mark needs no mount.
exec 3>/dev/ttyS1
. /bootwright/machine

# A mark goes into the kernel's log, which stamps it with the guest's clock, and then to the host, which
# stamps it with its own: in this order, as the clocks are aligned by what the host heard later. A
# kernel without a log has no time to tell.
mark() {
    echo "<6>bootwright: $*" >/dev/kmsg
    echo "$token $*" >&3
} 2>/dev/null

fail() {
    mark "initramfs.failed $*"
    echo "initramfs: $*" >/dev/console
    sleep 1 # until the host has read it
    poweroff -f
}

mark initramfs.start
PATH=/bin
mount -t devtmpfs -o mode=0755,nosuid dev /dev || fail "cannot mount /dev"
mount -t proc -o nosuid,nodev,noexec proc /proc || fail "cannot mount /proc"

for module in $modules; do
    case $module in
    -*) insmod "/${module#-}" 2>/dev/null ;; # one of several for the same purpose
    *) insmod "/$module" || fail "cannot load module ${module##*/}" ;;
    esac
done
# The module for the CPU makes the device once it has found virtualization there.
[ -z "$nested" ] || [ -c /dev/kvm ] ||
    fail "no virtualization in this guest: $(busybox dmesg |
        busybox sed -n '/kvm/s/^\[[^]]*\] //p' | busybox tail -n 1)"

mark initramfs.modules

echo "$hostname" >/proc/sys/kernel/hostname
ip link set lo up
if [ -n "$address" ]; then
    ip link set eth0 up || fail "the kernel has no network card eth0"
    ip address add "$address" dev eth0
    ip route add default via "$gateway"
fi

if [ -z "$root" ]; then
    mount -t sysfs -o nosuid,nodev,noexec sys /sys
    mkdir -p /tmp /root /dev/pts /dev/shm /run
    mount -t devpts -o mode=0620,ptmxmode=0666 devpts /dev/pts
    mount -t tmpfs tmpfs /tmp
    busybox --install -s /bin
    # The port carries the command's output as it is: no newline is translated.
    stty -F /dev/ttyS1 raw -echo
    cd /root
    mark command.start
    (exec 3>&-; HOME=/root; export HOME PATH; . /bootwright/command) </bootwright/input >&3 2>&3
    status=$?
    # Whoever is switched off loses what the console has not sent yet; stty waits for that (TCSADRAIN).
    stty -F /dev/console onlcr
    printf '\n%s command.end %s\n' "$token" "$status" >&3
    exec 3>&-
    poweroff -f
fi

# virtio-blk names its disk while it is loaded; only an asynchronous probe makes us wait.
for device in "$root" $scratch; do
    tries=0
    until [ -b "$device" ]; do
        tries=$((tries + 1))
        [ $tries -le 500 ] || fail "the root device $device does not appear"
        usleep 10000
    done
done
if [ -n "$volatile" ]; then
    # A flush waits for the host, and would keep what nobody can read again.
    mount -t sysfs sys /sys
    echo 'write through' >"/sys/block/$volatile/queue/write_cache" || fail "cannot turn off the write cache of $volatile"
    umount /sys
fi
point=/root
[ -z "$scratch" ] || point=/image
[ -z "$scratch" ] || mkdir /image /scratch
mount -t "$filesystem" ${options:+-o "$options"} "$root" $point || fail "cannot mount $root as $filesystem"
if [ -n "$scratch" ]; then
    # Its inode tables are holes in a file, and holes are zeros: nobody is to write them.
    mount -t ext4 -o noinit_itable "$scratch" /scratch || fail "cannot mount $scratch as ext4"
    mkdir -p /scratch/upper /scratch/work
    # A folder of the image can be renamed, and a file keeps its number when it is written to.
    mount -t overlay -o lowerdir=/image,upperdir=/scratch/upper,workdir=/scratch/work \
        -o redirect_dir=on,xino=auto overlay /root || fail "cannot join $root and $scratch"
fi
for needed in $needs; do
    [ -e "/root$needed" ] || [ -L "/root$needed" ] || fail "the image has no $needed"
done

# A guest that cannot write may fail in many ways, so warn the host first.
free=$(($(stat -f -c '%f * %S' /root)))
[ $free -ge 1048576 ] || mark "root.full $((free / 1024)) KiB are free"

# A mount that fstab asks for and that cannot be had ends systemd's boot in emergency mode. It is left
# out by a unit of the same name, which comes before the one that systemd makes of fstab, and whose
# condition never holds; the host is told.
# Source: systemd.unit(5), "unit file load path" and ConditionPathExists=; fstab(5).
skip_mounts() {
    while read -r what where kind options _; do
        case "$what" in "" | \#*) continue ;; esac
        case ",$options," in
        *,noauto,* | *,nofail,* | *,_netdev,* | *bind,* | *,x-systemd.automount,*) continue ;;
        esac
        if [ "$where" = / ]; then
            skip_remount "$what"
            continue
        fi
        case "$where $kind" in
        *" nfs"* | *" cifs" | *" ceph" | *" fuse"*) continue ;;
        esac
        reason=$(not_mountable "$(printf %b "$what")" "$kind") || continue
        where=$(printf %b "$where")
        units=/root/run/systemd/system.control
        mkdir -p $units
        if [ "$kind" = swap ]; then
            mark "mount.skipped swap: $reason"
            ln -sf /dev/null "$units/$(unit_name swap "$(device_path "$what")")"
            continue
        fi
        mark "mount.skipped $where: $reason"
        printf '[Unit]\nDescription=%s, left out: %s\nConditionPathExists=!/run\n' "$where" "$reason" \
            >"$units/$(unit_name mount "$where")"
        printf '[Mount]\nWhat=none\nWhere=%s\nType=tmpfs\n' "$where" \
            >>"$units/$(unit_name mount "$where")"
    done </root/etc/fstab
    [ ! -e /root/proc/self ] || umount /root/proc /root/sys
}

# The root is mounted; what would fail is to give it fstab's options by a tag that no disk has.
skip_remount() {
    case "$1" in *=*) ;; *) return ;; esac
    reason=$(not_mountable "$1" auto) || return
    mkdir -p /root/run/systemd/system.control
    mark "mount.skipped / with its options: $reason"
    ln -sf /dev/null /root/run/systemd/system.control/systemd-remount-fs.service
}

unit_name() { PATH=/usr/bin:/bin chroot /root systemd-escape --path --suffix="$1" "$2"; }

# Print where systemd looks for a device that fstab names.
device_path() {
    value=${1#*=}
    value=${value#\"}
    value=${value%\"}
    case "$1" in
    UUID=*) echo "/dev/disk/by-uuid/$value" ;;
    LABEL=*) echo "/dev/disk/by-label/$value" ;;
    PARTUUID=*) echo "/dev/disk/by-partuuid/$value" ;;
    PARTLABEL=*) echo "/dev/disk/by-partlabel/$value" ;;
    *) echo "$1" ;;
    esac
}

# Print why something cannot be mounted; fail where it can, or where that cannot be told.
not_mountable() {
    reason=
    case "$1" in
    UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) has_tag "$1" || reason="no disk has $1" ;;
    /dev/disk/by-uuid/*) has_tag "UUID=${1##*/}" || reason="no disk has UUID ${1##*/}" ;;
    /dev/disk/by-label/*) has_tag "LABEL=${1##*/}" || reason="no disk has label ${1##*/}" ;;
    /dev/disk/by-partuuid/*) has_tag "PARTUUID=${1##*/}" || reason="no disk has PARTUUID ${1##*/}" ;;
    /dev/disk/*) ;; # links that only udev makes
    /dev/*/* | /dev/md*) [ -b "/root$1" ] || has_layers || reason="there is no $1" ;;
    /dev/[shvx]d[a-z]* | /dev/xvd* | /dev/nvme* | /dev/mmcblk* | /dev/sr* | /dev/fd*)
        [ -b "/root$1" ] || reason="there is no $1" ;;
    esac
    if [ -n "$reason" ]; then
        echo "$reason"
        return 0
    fi
    case "$2" in auto | none | swap) return 1 ;; esac
    while read -r one two; do
        [ "$one" != "$2" ] && [ "$two" != "$2" ] || return 1
    done </proc/filesystems
    read -r release </proc/sys/kernel/osrelease
    busybox grep -qs "/$2\.ko" "/root/lib/modules/$release/modules.dep" && return 1
    echo "kernel $release has no $2"
}

# Say whether a disk has a tag, by the image's own program, which knows all of them.
has_tag() {
    [ -e /root/sbin/findfs ] || return 0 # nobody can tell
    in_image findfs "$1"
}

# Say whether a volume may appear later, as the disk has a part of LVM, LUKS or a RAID.
has_layers() {
    [ -e /root/sbin/blkid ] || return 0 # nobody can tell
    for kind_of_part in LVM2_member crypto_LUKS linux_raid_member; do
        ! in_image blkid -c /dev/null -t TYPE=$kind_of_part || return 0
    done
    return 1
}

# Run a program of the image, which may look for disks.
in_image() {
    if [ ! -e /root/proc/self ]; then
        mount --bind /proc /root/proc
        mount -t sysfs sys /root/sys
    fi
    PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /root "$@" >/dev/null 2>&1
}

# The name and the machine-id live on the machine's own disk; each is written once.
put() {
    there=
    [ ! -e "/root/$1" ] || read -r there <"/root/$1"
    [ "$there" = "$2" ] || echo "$2" >"/root/$1"
}
put etc/hostname "$hostname"
put etc/machine-id "$machine_id"
[ -e /root/etc/hosts ] || printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$hostname" >/root/etc/hosts
if [ -n "$resolver" ] && [ ! -L /root/etc/resolv.conf ] && [ ! -s /root/etc/resolv.conf ]; then
    echo "nameserver $resolver" >/root/etc/resolv.conf
fi

# All else goes to /run, where systemd looks before /etc, and which no disk keeps.
mount -t tmpfs -o mode=0755,nosuid,nodev run /root/run || fail "cannot mount /run"
cp -a /bootwright/run/. /root/run/
[ -z "$tools" ] || cp /bin/busybox /root/run/bootwright/busybox
[ ! -e /bootwright/command ] || cp /bootwright/command /bootwright/input /root/run/bootwright

mount --move /dev /root/dev
if [ "$grow" = 1 ]; then
    mount --bind /proc /root/proc
    # systemd-growfs looks in /sys, and for a link that udev, which does not run yet, would make.
    mount -t sysfs sys /root/sys
    mkdir -p /root/dev/block
    while read -r _ _ number _ point _; do
        [ "$point" != /root ] || ln -s "$root" "/root/dev/block/$number"
    done </proc/self/mountinfo
    PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /root sh -c \
        'resize2fs "$1" || /lib/systemd/systemd-growfs /' sh "$root" >/dev/console 2>&1 ||
        fail "the image has no program to grow its filesystem (resize2fs, systemd-growfs)"
    umount /root/proc /root/sys
fi
[ "$init" != /sbin/init ] || [ ! -s /root/etc/fstab ] || skip_mounts
umount /proc

mark initramfs.done
exec 3>&-
# shellcheck disable=SC2086  # words
exec switch_root /root $init "$@"
