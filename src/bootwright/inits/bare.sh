#!/run/bootwright/busybox sh
# PID 1 that runs one command, reaps whatever comes to it, and switches off when the command ends.
. /run/bootwright/computer.sh

exec 3>/dev/ttyS1
# The port carries the command's output as it is: no newline is translated.
bb stty -F /dev/ttyS1 raw -echo
read -r token </run/bootwright/token
cd /root || cd /
mark command.start
# The image's own shell, where it has one: busybox's takes its own tools for everybody's.
shell=/bin/sh
[ -x $shell ] || shell='/run/bootwright/busybox sh'
(exec 3>&-; exec $shell /run/bootwright/command) </run/bootwright/input >&3 2>&3 &
# A shell that is PID 1 is given the orphans, and reaps them while it waits.
wait $!
status=$?
drain_console
printf '\n%s command.end %s\n' "$token" "$status" >&3
exec 3>&-
power_off
