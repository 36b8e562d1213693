//! Benchmarks: `parts.rs` measures the parts of Tarn with criterion, `instructions` counts
//! what an import takes, and `peers/` compares Tarn with DuckDB and ClickHouse.
