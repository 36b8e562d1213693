//! Benchmarks of the parts and the comparison with peers come here; there are none yet.
