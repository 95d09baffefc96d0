"""What the values of the chart may be, and what is generated from that."""
