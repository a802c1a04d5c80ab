"""This room trains generators: students on a teacher's pool of images, and others from scratch against a critic."""
