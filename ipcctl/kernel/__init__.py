"""The only package that touches the operating system. Knows no policy, prints nothing."""
