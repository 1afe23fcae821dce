cd "$scratch"
head -c 1048576 /dev/urandom >there
said=$(scp -F "$ssh_config" there guest:/tmp/bootwright-probe-scp 2>&1) ||
    fail "cannot copy a file into the guest: $said"
said=$(scp -F "$ssh_config" guest:/tmp/bootwright-probe-scp back 2>&1) ||
    fail "cannot copy a file out of the guest: $said"
[ "$(cksum <there)" = "$(cksum <back)" ] || fail "a file of 1 MiB was corrupted"
echo "1 MiB in and out"
