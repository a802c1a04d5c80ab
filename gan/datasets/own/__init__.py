"""This room reads data sets of the user's own: a folder of images, or a format in which this field keeps them.

A format lists its pictures and reads them, `pictures.Pictures`; what is done to each is the same for all of them. The
format is told from the content. Nothing is extracted to disk, and no pickle is loaded.
"""
