#!/bin/bash
# Runs a command with the variables of the file GANLIMIT_ENV_FILE: one NAME=VALUE a line, # for comments, no quotes.
# The file is read, never executed, and its values are on no command line.
set -eu
if [ -n "${GANLIMIT_ENV_FILE:-}" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
        case "$line" in
            '' | '#'*) continue ;;
            [A-Za-z_]*=*) ;;
            *) echo "$GANLIMIT_ENV_FILE: a line is not NAME=VALUE" >&2; exit 2 ;;
        esac
        export "${line%%=*}=${line#*=}"
    done < "$GANLIMIT_ENV_FILE"
fi
exec "$@"
