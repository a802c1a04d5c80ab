"""The models that trials stand on, each found or made once: extractor, teacher, and what workers read of them."""
