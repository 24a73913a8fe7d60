# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Binds a Unix socket with the name of a file of root's, in a directory of its own. Another process of the same user
puts a link to /etc into that directory's place when the service has been stopped for the jump.
"""
import os
import socket
import sys

import hostile

mine = sys.argv[1] + "/sockets"
if sys.argv[2:]:
    hostile.say("ready")
    hostile.wait_until_gone(sys.argv[2])
    os.rename(mine, mine + "-before")
    os.symlink("/etc", mine)
    os.sync()
    hostile.wait_for_ever()

os.mkdir(mine)
s = socket.socket(socket.AF_UNIX)
s.bind(mine + "/shadow")
s.listen()
hostile.wait_for_ever()
