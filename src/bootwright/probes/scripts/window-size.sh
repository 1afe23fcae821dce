has script || does_not_apply "the client has no script(1), which allocates a terminal"
line="stty rows 33 cols 101; ssh -F '$ssh_config' -tt guest stty size"
# script types an end of file, which the terminal may echo.
said=$(script -qec "$line" /dev/null </dev/null 2>&1 | tr -d '\r' | sed 's/^\(\^[@D]\)*//')
case $said in
*"33 101"*) echo "33 rows, 101 columns" ;;
*) fail "a terminal of 33 rows and 101 columns has another size in the guest: $said" ;;
esac
