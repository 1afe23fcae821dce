# The host compares this with the machine's name.
read -r name </proc/sys/kernel/hostname
read -r written </etc/hostname || fail "/etc/hostname does not exist"
[ "$written" = "$name" ] || fail "the host name is $name, but /etc/hostname says $written"
echo "$name"
