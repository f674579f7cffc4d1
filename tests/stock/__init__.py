"""The stock 1.2 client and server as tests need them: wire habits, reference server, model."""
