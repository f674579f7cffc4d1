"""The database: one writer, short readers, and the models of all that is kept."""
