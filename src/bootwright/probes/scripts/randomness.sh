# Since Linux 5.6 /dev/random blocks exactly when getrandom(2) would: until it has been seeded.
got=$(head -c 32 /dev/random | wc -c)
[ "$got" -eq 32 ] || fail "/dev/random gave $got bytes of 32"
