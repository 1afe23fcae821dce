has script || does_not_apply "there is no program script here, which makes a terminal to log in from"
line="stty rows 33 cols 101; ssh -F '$ssh_config' -tt guest stty size"
# script types an end of file, which the terminal may echo.
said=$(script -qec "$line" /dev/null </dev/null 2>&1 | tr -d '\r' | sed 's/^\(\^[@D]\)*//')
case $said in
*"33 101"*) echo "33 rows, 101 columns, as here" ;;
*) fail "a terminal of 33 rows and 101 columns is told to the guest as: $said" ;;
esac
