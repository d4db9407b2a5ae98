"""Say how it looks: shapes, colours, widths, strips and key, as DOT with every position pinned, and as tidy SVG."""
