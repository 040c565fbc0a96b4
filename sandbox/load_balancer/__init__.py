"""The sandbox's load balancers: what cloud-provider-openstack and Octavia's amphorae do for Services.

An ordinary client of the Kubernetes, Neutron and Octavia APIs; only the forwarding of traffic, an amphora's work, is
done by this process itself.

    controller  follows Services: finalizer, events, status, retries
    balancers   the rules of cloud-provider-openstack for load balancers and floating IPs
    octavia     VIPs where there is Octavia
    ports       VIPs where there is none
    traffic     from a VIP to the pods behind it
    openstack   Neutron and Octavia over httpx
"""
