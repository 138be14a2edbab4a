"""What the server costs: CPU per registration, per call and per idle WebSocket, next to Kamailio in the same run."""
