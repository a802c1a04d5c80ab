"""This room says where the limit of a whole space of students may lie, and which student to train next."""
