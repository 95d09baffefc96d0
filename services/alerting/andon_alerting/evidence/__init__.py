"""`andon evidence`: copies the evidence of incidents out of Kafka before it expires."""
