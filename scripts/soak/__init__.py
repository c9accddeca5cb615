"""Disturb every command that writes, at random points, and count what is lost: nothing.

    make soak

Each command is run once undisturbed. Then it is killed, stopped, refused, run twice at once and so on, always the same
small work in an empty folder; it is called again until it ends, and what it has made is compared with the undisturbed
run's, byte for byte but for the times in it: every row of a table and every other file. One row of the table counts a
disturbance of a command: how often it took effect, how many results were compared, which of them were lost, doubled or
altered, what files lay about in the end, and how many messages were not one sentence that says what to do.
"""
