"""The built-in plugins, each written against `bbs_core.plugin` alone."""
