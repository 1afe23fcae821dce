# Root adds the user to the files directly: not every image has useradd.
user=bootwright-probe
ssh -F "$ssh_config" guest "
    grep -q '^$user:' /etc/passwd && exit
    echo '$user:x:54321:54321::/home/$user:/bin/sh' >>/etc/passwd
    echo '$user:x:54321:' >>/etc/group
    echo '$user:*:19000:0:99999:7:::' >>/etc/shadow
    mkdir -p /home/$user && chown 54321:54321 /home/$user
" || fail "root cannot add a user"
# While the system starts up, pam_nologin refuses all users but root: retry.
tries=0
until said=$(ssh -F "$ssh_config" -o LogLevel=INFO -l "$user" guest id -un 2>&1); do
    tries=$((tries + 1))
    case $said in
    *"booting up"* | *"not permitted to log in"*) ;;
    *) fail "an ordinary user cannot log in: $said" ;;
    esac
    [ $tries -lt 10 ] || {
        fix "/run/nologin must be removed: keep systemd-user-sessions.service"
        fail "an ordinary user cannot log in (pam_nologin): $said"
    }
    sleep 1
done
[ "$said" = "$user" ] || fail "unexpected output of the log-in as $user: $said"
echo "logged in as $user"
