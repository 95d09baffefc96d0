"""Machines: verdicts and incidents for those who act on them, by MQTT and OPC UA."""
