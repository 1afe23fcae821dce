for folder in /tmp /var/tmp; do
    echo probe >"$folder/bootwright-probe" || fail "$folder cannot be written to"
    rm "$folder/bootwright-probe"
    case $(ls -ldL "$folder") in
    drwxrwxrwt*) ;;
    *)
        fix "chmod 1777 $folder"
        fail "$folder is not for everybody: $(ls -ldL "$folder")"
        ;;
    esac
done
