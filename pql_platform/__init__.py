"""Finds product-qualified leads in product events and hands them, explained, to the right rep."""
