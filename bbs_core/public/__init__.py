"""What plugins are given and may say, in parts; they import all of it from `bbs_core.plugin`."""
