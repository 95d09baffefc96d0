"""What people say to alerting, and what they ask it: one file a command."""
