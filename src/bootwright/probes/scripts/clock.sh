# The host holds this against its own clock.
date -u
date +%s
