# The host compares this with its own clock.
date -u
date +%s
