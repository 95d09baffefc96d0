"""How the cluster is reached: with the pod's own account, or as a kubeconfig says."""

import os
from pathlib import Path

from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.config.config_exception import ConfigException

from andon.errors import Mistake
from andon_training.jobs.api import TIMEOUT_S, Api

OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def reached(namespace: str | None, timeout_s: float = TIMEOUT_S) -> Api:
    """The API in `namespace`; where none is named, in the one of the pod or of the kubeconfig's context.

    Raises Mistake where there is no way to it.
    """
    configuration = Configuration()
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=configuration)
            own = OWN_NAMESPACE.read_text().strip() if OWN_NAMESPACE.exists() else ""
        else:
            file = os.environ.get("KUBECONFIG")
            config.load_kube_config(config_file=file, client_configuration=configuration)
            own = config.list_kube_config_contexts(config_file=file)[1]["context"].get("namespace", "")
    except (ConfigException, OSError) as error:
        raise Mistake(
            f"ANDON_JOBS__RUNNER=kubernetes, and no way to its API: {error}; run in a pod whose service account has "
            "its token mounted, or name a kubeconfig with KUBECONFIG"
        ) from None
    if not (namespace or own):
        raise Mistake("ANDON_JOBS__NAMESPACE: name the namespace; neither the pod nor the kubeconfig does")
    return Api(configuration, namespace or own, timeout_s)
