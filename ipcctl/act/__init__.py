"""What changes the system. Every step says what it did and why."""
