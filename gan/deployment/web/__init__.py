"""This room writes a page that draws with a generator in a browser, and asks the network for nothing."""
