"""Write down how a command was called: the file, then the command with its arguments."""

import json
import sys

with open(sys.argv[1], "a") as file:
    file.write(json.dumps(sys.argv[2:]) + "\n")
