"""The whole line on one machine: real servers, every service as its own process, a live view."""
