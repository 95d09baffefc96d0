"""Who does the trainer's work: processes of this machine, or Jobs of a Kubernetes cluster. One interface, `worker`."""
