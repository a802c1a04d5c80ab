"""The paper's table and its five questions, from measured rows."""
