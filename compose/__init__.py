"""What only the Compose deployment needs: its secrets and its gateway."""
