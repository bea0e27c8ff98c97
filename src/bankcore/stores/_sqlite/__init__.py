"""The store in one SQLite file, and the store on a connection that the application owns."""
