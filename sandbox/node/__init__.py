"""The sandbox's nodes: a kubelet that runs pods as processes of this machine, and a kube-proxy for their Services.

An ordinary client of the Kubernetes API. It knows nothing of what it runs: no image, label or chart is special to it.

    __main__    arguments, and what lives as long as the process
    nodes       which nodes these are: taken up and given up while the others run
    agent       Node objects and their Leases; follows the pods that are bound to its nodes
    pod         one pod from its binding to its deletion; reports its status
    container   one container: its process, restarts and probes
    status      pure: what a kubelet would report about a pod in this state
    environment pure: variables, references and paths as the container sees them
    volumes     ConfigMaps, Secrets, claims and so on as folders
    processes   process groups that end for certain, even when the node is killed
    guard       the small program that sees to that
    services    ClusterIPs that forward, and the table of names
    forward     TCP from an address to one of several
    logs        the kubelet's HTTPS endpoint behind `kubectl logs`
    kube_api    the Kubernetes API over httpx
    tasks       background work whose failures are logged
"""
