[ "$network" != none ] || does_not_apply "the recipe has no network"
cards=
for card in /sys/class/net/*; do
    [ "$(cat "$card/type")" = 1 ] || continue # Ethernet, as virtio-net is
    cards="$cards ${card##*/}"
    [ "$(cat "$card/operstate")" = up ] && up=${card##*/}
done
[ -n "$cards" ] || fail "the kernel has no network card"
[ -n "${up-}" ] || {
    fix "ip link set${cards} up"
    fail "no network card is up; cards:$cards"
}
# The destination and the mask of a default route are zero.
while read -r card destination gateway _ _ _ _ mask _; do
    [ "$destination/$mask" = 00000000/00000000 ] || continue
    # Hexadecimal, the last byte first.
    route=
    for byte in 1 2 3 4; do
        route=$route${route:+.}$((0x${gateway#"${gateway%??}"}))
        gateway=${gateway%??}
    done
    route="$route by $card"
done </proc/net/route
[ -n "${route-}" ] || {
    fix "ip route add default via GATEWAY"
    fail "$up is up, but there is no default route"
}
echo "$up is up, default route to $route"
