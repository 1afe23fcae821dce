cd "$scratch"
head -c 65536 /dev/urandom >there
said=$(
    sftp -F "$ssh_config" -b - guest 2>&1 <<'END'
put there /tmp/bootwright-probe-sftp
get /tmp/bootwright-probe-sftp back
rm /tmp/bootwright-probe-sftp
END
) || {
    fix "add to sshd_config: Subsystem sftp internal-sftp"
    fail "sftp does not work: $(echo "$said" | grep -v '^sftp>')"
}
[ "$(cksum <there)" = "$(cksum <back)" ] || fail "a file of 64 KiB was corrupted"
echo "64 KiB in and out"
