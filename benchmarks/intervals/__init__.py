"""Coverage of intervals: ours and peers', on the same draws."""
