"""This room finds or makes each model that trials stand on, once, and registers it: extractor, teacher and students."""
