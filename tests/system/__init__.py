"""Real sockets and real clients: browsers, sipp, baresip and Kamailio against the server as a child process."""
