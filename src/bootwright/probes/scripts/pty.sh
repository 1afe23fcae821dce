said=$(ssh -F "$ssh_config" -tt guest tty </dev/null 2>&1)
case $said in
*"PTY allocation request failed"*)
    fix "mount devpts: mount -t devpts -o gid=5,mode=0620,ptmxmode=0666 devpts /dev/pts," \
        "and link /dev/ptmx to pts/ptmx"
    fail "PTY allocation request failed: the guest has no usable /dev/pts or /dev/ptmx"
    ;;
*/dev/pts/*) echo "$said" | tr -d '\r' ;;
*) fail "ssh -tt allocates no terminal: $said" ;;
esac
