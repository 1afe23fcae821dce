[ "$network" != none ] || does_not_apply "the recipe has no network"
[ -n "$resolves" ] || does_not_apply "the host resolves no names"
has getent || does_not_apply "the image has no getent"
said=$(getent hosts "$resolves") || {
    servers=$(grep '^nameserver' /etc/resolv.conf 2>/dev/null | tr '\n' ' ')
    fix "/etc/resolv.conf must name a server; the machine's network provides 10.0.2.3"
    fail "cannot resolve $resolves, but the host can; servers: ${servers:-none}"
}
echo "$said"
