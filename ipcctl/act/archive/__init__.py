"""An object's whole content to a file and back."""
