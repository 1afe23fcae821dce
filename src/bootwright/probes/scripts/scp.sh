cd "$scratch"
head -c 1048576 /dev/urandom >there
said=$(scp -F "$ssh_config" there guest:/tmp/bootwright-probe-scp 2>&1) ||
    fail "a file cannot be copied into the guest: $said"
said=$(scp -F "$ssh_config" guest:/tmp/bootwright-probe-scp back 2>&1) ||
    fail "a file cannot be copied out of the guest: $said"
[ "$(cksum <there)" = "$(cksum <back)" ] || fail "1 MiB came back changed"
echo "1 MiB in and out"
