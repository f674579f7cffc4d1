"""The core of the board: the wire, the dispatch of commands to plugins, and the store."""
