for folder in /tmp /var/tmp; do
    echo probe >"$folder/bootwright-probe" || fail "cannot write to $folder"
    rm "$folder/bootwright-probe"
    case $(ls -ldL "$folder") in
    drwxrwxrwt*) ;;
    *)
        fix "chmod 1777 $folder"
        fail "$folder is not writable by all users: $(ls -ldL "$folder")"
        ;;
    esac
done
