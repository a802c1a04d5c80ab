"""This module has names of scores that are made up of parts. It imports nothing: what reads tables needs no network."""

CLASS_FID = "fid_class_"  # before a class's label: its FID
