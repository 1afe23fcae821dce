said=$(ssh -F "$ssh_config" guest 'echo "uid $(id -u)"' 2>&1) || fail "root cannot log in: $said"
[ "$said" = "uid 0" ] || fail "root's log-in prints more than its command: $said"
