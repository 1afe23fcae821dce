case $init in
systemd*)
    output=$(journalctl --boot --lines 5 --no-pager 2>&1) || fail "journalctl fails: $output"
    case $output in
    *"No journal files were found"* | *"-- No entries --"*)
        fix "systemd-journald.service must run"
        fail "the journal is empty: $output"
        ;;
    esac
    echo "$(journalctl --boot --no-pager | wc -l) lines in the journal of this boot"
    ;;
*)
    output=$(dmesg 2>&1) || fail "dmesg fails: $output"
    case $output in
    *"Linux version"*) echo "$(echo "$output" | wc -l) lines in the kernel log" ;;
    *) fail "the kernel log does not begin with the kernel version" ;;
    esac
    ;;
esac
