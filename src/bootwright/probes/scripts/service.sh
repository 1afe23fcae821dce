case $init in
systemd*) ;;
*) does_not_apply "$init runs no units" ;;
esac
unit=bootwright-probe-service
rm -f "/run/$unit-ran"
cat >/etc/systemd/system/$unit.service <<END
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo ran >/run/$unit-ran'
END
systemctl daemon-reload
said=$(systemctl start "$unit" 2>&1)
[ -e "/run/$unit-ran" ] || fail "a new service does not run: $said"
rm "/etc/systemd/system/$unit.service" "/run/$unit-ran"
systemctl daemon-reload
