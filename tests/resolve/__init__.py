"""From URIs to next hops, with name servers made of dictionaries."""
