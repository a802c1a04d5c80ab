"""One way of making students against another, and one sweep against another."""
