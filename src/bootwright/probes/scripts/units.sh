case $init in
systemd*) ;;
*) does_not_apply "$init runs no units" ;;
esac
state=$(systemctl is-system-running --wait)
bad=$(systemctl list-units --failed --plain --no-legend --no-pager | cut -d ' ' -f 1)
for unit in $bad; do
    echo "$unit failed: $(journalctl --boot --unit "$unit" --lines 1 --output cat --no-pager)"
done
[ "$state" = running ] && [ -z "$bad" ] || {
    [ -z "$bad" ] || fix "fix or mask these units: $(echo "$bad" | tr '\n' ' ')"
    fail "systemctl is-system-running prints $state"
}
echo "running, no unit has failed"
