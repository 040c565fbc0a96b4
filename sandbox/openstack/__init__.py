"""The imitated OpenStack: one module a service, each a table of routes over the one store."""
