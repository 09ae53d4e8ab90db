"""What runs in the environments of other projects, and imports them."""
