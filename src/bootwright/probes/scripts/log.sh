case $init in
systemd*)
    said=$(journalctl --boot --lines 5 --no-pager 2>&1) || fail "journalctl fails: $said"
    case $said in
    *"No journal files were found"* | *"-- No entries --"*)
        fix "systemd-journald.service must run"
        fail "the journal is empty: $said"
        ;;
    esac
    echo "$(journalctl --boot --no-pager | wc -l) lines in the journal of this boot"
    ;;
*)
    said=$(dmesg 2>&1) || fail "dmesg fails: $said"
    case $said in
    *"Linux version"*) echo "$(echo "$said" | wc -l) lines in the kernel's log" ;;
    *) fail "the kernel's log does not begin with its version" ;;
    esac
    ;;
esac
