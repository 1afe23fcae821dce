cd "$scratch"
mkfifo keys screen
ssh -F "$ssh_config" -tt guest <keys >screen 2>&1 &
ssh=$!
exec 3>keys 4<screen
# End the job if nothing stops it.
(sleep 12 && kill $ssh) >/dev/null 2>&1 3>&- 4<&- &
# The terminal echoes the input, so the shell computes the text to wait for.
echo 'set -m; sh -c "echo sleeping-$((40 + 2)); exec sleep 300"' >&3
seen=
while read -r line <&4; do
    line=$(printf %s "$line" | tr -d '\r')
    seen="$seen
$line"
    case $line in
    *sleeping-42*) # Ctrl-Z, and then the shell is asked
        printf '\032' >&3
        printf 'jobs; echo asked-$((40 + 2))\n' >&3
        ;;
    *Stopped* | *Suspended*)
        printf 'kill %%1; exit\n' >&3
        echo "Ctrl-Z stops a job: $line"
        exit 0
        ;;
    *asked-42*) break ;;
    esac
done
fail "Ctrl-Z does not stop a job; the terminal showed:$seen"
