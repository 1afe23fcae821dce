# The host holds this against the machine's name.
read -r own </proc/sys/kernel/hostname
read -r written </etc/hostname || fail "there is no /etc/hostname"
[ "$written" = "$own" ] || fail "the host name is $own, but /etc/hostname says $written"
echo "$own"
