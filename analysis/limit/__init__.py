"""This room says how small a student may be and still hold the rule, and how sure that is."""
