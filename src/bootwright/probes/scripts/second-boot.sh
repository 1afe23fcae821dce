# Written by the first boot, as its last act: see runner.sh.
[ -e /var/lib/bootwright-probe ] ||
    fail "the disk does not have what the first boot wrote, /var/lib/bootwright-probe"
[ "$(cat /var/lib/bootwright-probe)" = "$(cat /etc/machine-id)" ] ||
    fail "/var/lib/bootwright-probe is not as the first boot wrote it"
echo "the disk has what the first boot wrote"
