#!/bin/sh
# Ends what a test process leaves behind: programs, and temporary directories. It lives until its
# standard input closes, and the kernel sees to that however the test process ends.
trap '' HUP INT TERM
programs=" "
directories=

while read -r verb what; do
  case $verb in
    started) programs="$programs$what " ;;
    ended) programs=$(printf '%s' "$programs" | sed "s/ $what / /") ;;
    made) directories="$directories $what" ;;
  esac
done

# Each program leads a process group of its own.
signal() { for group in $programs; do kill "-$1" "-$group" 2>/dev/null; done; }
alive() { for group in $programs; do kill -0 "-$group" 2>/dev/null && return 0; done; return 1; }

# The polite signal first: `keyway dev` then stops its Postgres, wherever it runs.
signal TERM
tries=0
while alive && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
signal KILL

# A Postgres that is just ending may still write.
tries=0
until rm -rf -- $directories 2>/dev/null || [ $tries -ge 20 ]; do sleep 0.2; tries=$((tries + 1)); done
