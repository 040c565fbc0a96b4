"""The sandbox's load balancers: what cloud-provider-openstack and Octavia's amphorae do for Services.

An ordinary client of the Kubernetes, Neutron and Octavia APIs; only the forwarding of traffic, an amphora's work, is
done by this process itself.
"""
