"""This room measures generators under one protocol: quality against real images, and agreement with a teacher."""
