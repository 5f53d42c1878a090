//! Butane configs translated to Ignition.

pub mod gzip;
