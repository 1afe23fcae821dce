# Written at the end of the first boot; see runner.sh.
[ -e /var/lib/bootwright-probe ] ||
    fail "the disk does not have what the first boot wrote, /var/lib/bootwright-probe"
[ "$(cat /var/lib/bootwright-probe)" = "$(cat /etc/machine-id)" ] ||
    fail "/var/lib/bootwright-probe has other content than the first boot wrote"
echo "the disk has what the first boot wrote"
