"""How plugins are found, called, bounded and watched."""
