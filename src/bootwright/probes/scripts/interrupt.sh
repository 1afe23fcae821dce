cd "$scratch"
mkfifo keys screen
# The command reports itself that it runs: a bash that gets SIGINT just as it starts a command
# waits until the command ends, or (5.2) forever.
ssh -F "$ssh_config" -tt guest \
    'trap "echo was-interrupted; exit 0" INT; sh -c "echo is-ready; exec sleep 5"; echo slept-on' \
    <keys >screen 2>&1 &
exec 3>keys 4<screen
seen=
while read -r line <&4; do
    line=$(printf %s "$line" | tr -d '\r')
    seen="$seen $line"
    case $line in
    *is-ready*) printf '\003' >&3 ;;
    *was-interrupted*)
        echo "Ctrl-C interrupts the running command"
        exit 0
        ;;
    esac
done
fail "Ctrl-C does not interrupt the running command; the terminal showed:$seen"
