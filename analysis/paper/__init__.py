"""This room makes the paper's table and answers its five questions, from measured rows."""
