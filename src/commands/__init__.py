"""The stories behind the commands: each module is one command, told in named steps."""
