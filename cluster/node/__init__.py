"""This machine as a cluster's head or node: started in the background, remembered, and ended."""
