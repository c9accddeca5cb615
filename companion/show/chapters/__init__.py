"""What one page of the book arranges, a module a page; what draws any record is in ``companion.show``."""
