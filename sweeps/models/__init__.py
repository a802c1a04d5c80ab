"""Finds or makes each model that trials stand on, once, and registers them: extractor, teacher and students."""
