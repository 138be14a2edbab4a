"""The transaction layer, with a clock that stands still and wires made of lists."""
