case $init in
systemd*) ;;
*) does_not_apply "$init runs no units" ;;
esac
unit=bootwright-probe-timer
cat >/etc/systemd/system/$unit.service <<END
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo fired >/run/$unit-fired'
END
cat >/etc/systemd/system/$unit.timer <<END
[Timer]
OnActiveSec=1s
AccuracySec=100ms
END
systemctl daemon-reload
said=$(systemctl start "$unit.timer" 2>&1)
tries=0
until [ -e "/run/$unit-fired" ]; do
    tries=$((tries + 1))
    [ $tries -lt 40 ] || fail "a timer of 1 s did not fire within 10 s: $said" \
        "$(systemctl list-timers --all --no-pager "$unit.timer")"
    sleep 0.25
done
rm /etc/systemd/system/$unit.* "/run/$unit-fired"
systemctl daemon-reload
